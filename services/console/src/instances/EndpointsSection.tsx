/** What can be opened in a running instance, as it tells by itself: its apps and its open ports. */
import type { AppLink, Instance, OpenPort } from "../api/models";
import { appUrl, portUrl } from "./links";
import { isUp } from "./states";

/** For those with full access; whoever may only look could open none of it. */
export function EndpointsSection({ instance }: { instance: Instance }) {
  const { endpoints, state } = instance;
  const { apps = [], ports = [] } = endpoints ?? {};
  return (
    <section>
      <h3>Apps and ports</h3>
      {!isUp(state) ? (
        <p className="quiet">They are shown while the instance runs.</p>
      ) : !endpoints ? (
        <p className="quiet">
          This instance has not told of any yet. One from an older image tells nothing.
        </p>
      ) : (
        <>
          {apps.length > 0 && <AppList instance={instance} apps={apps} />}
          {ports.length > 0 ? <PortList instance={instance} ports={ports} /> : <NoPorts />}
        </>
      )}
    </section>
  );
}

function AppList({ instance, apps }: { instance: Instance; apps: AppLink[] }) {
  return (
    <ul className="endpoints" aria-label="Apps">
      {apps.map((app) => (
        <li key={app.name}>
          <Out href={appUrl(instance, app)}>{app.title}</Out>
          <span className="quiet mono">{app.name}</span>
        </li>
      ))}
    </ul>
  );
}

function PortList({ instance, ports }: { instance: Instance; ports: OpenPort[] }) {
  return (
    <ul className="endpoints" aria-label="Open ports">
      {ports.map((port) => (
        <li key={port.port}>
          <Out href={portUrl(instance, port)}>{`Port ${port.port}`}</Out>
          <span className="quiet mono">{port.process}</span>
        </li>
      ))}
    </ul>
  );
}

function NoPorts() {
  return (
    <p className="quiet">
      No port is open. Whatever listens on one in the instance appears here within seconds and is
      opened by its link; try <code>python3 -m http.server 8000</code> in a terminal.
    </p>
  );
}

function Out({ href, children }: { href: string; children: string }) {
  return (
    <a href={href} target="_blank" rel="noopener">
      {children}
    </a>
  );
}
