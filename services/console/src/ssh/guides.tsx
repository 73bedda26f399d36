/** The way to an instance with one tool each, as steps. */
import { DownloadOutlined, ExportOutlined } from "@ant-design/icons";
import { Button } from "antd";

import { downloadUrl } from "../api/base";
import type { Instance } from "../api/models";
import { fullUrl } from "../instances/links";
import { hubPage, useUser } from "../shell/me";
import { Command } from "./Command";
import { aliasOf, PROXY_FILE, tokenScope, type Commands } from "./commands";
import { HostKey } from "./HostKey";

interface Props {
  instance: Instance;
  commands: Commands;
}

export function TerminalGuide({ instance, commands }: Props) {
  const alias = aliasOf(instance, useUser());
  return (
    <>
      <Step text="Once on your computer, log in with dsw, the workbench's command line:">
        <Command label="the login" text={commands.login} />
      </Step>
      <Step
        text={
          <>
            Open a shell, or run one command by putting it behind <code>--</code>:
          </>
        }
      >
        <Command label="the SSH command" text={commands.ssh} />
      </Step>
      <Step text="For ssh, scp, rsync, sftp and git, let it write your SSH configuration:">
        <Command label="the configuration command" text={commands.config} />
        {alias && <Command label="an example of rsync" text={`rsync -av data/ ${alias}:/mnt/workspace/data/`} />}
      </Step>
    </>
  );
}

export function VscodeGuide({ instance, commands }: Props) {
  const alias = aliasOf(instance, useUser());
  return (
    <>
      <Configure commands={commands} />
      <Step text="In VS Code, install the extension “Remote - SSH” and choose “Remote-SSH: Connect to Host…”:">
        <Host alias={alias} name={instance.name} />
        {alias && (
          <Button icon={<ExportOutlined aria-hidden />} href={`vscode://vscode-remote/ssh-remote+${alias}/mnt/workspace`}>
            Open in desktop VS Code
          </Button>
        )}
      </Step>
    </>
  );
}

export function JetBrainsGuide({ instance, commands }: Props) {
  const alias = aliasOf(instance, useUser());
  return (
    <>
      <Configure commands={commands} />
      <Step text="In JetBrains Gateway choose “SSH > New Connection”, as authentication “OpenSSH config and authentication agent”, and as host:">
        <Host alias={alias} name={instance.name} />
      </Step>
      <Step text="The project is in:">
        <Command label="the folder" text="/mnt/workspace" />
      </Step>
    </>
  );
}

/** With nothing but an SSH client, and Python where there is no gateway. */
export function PlainGuide({ commands }: Props) {
  const { ssh_gateway: gateway } = useUser();
  return (
    <>
      {commands.gateway && (
        <section>
          <h3>By the gateway</h3>
          <Step text="Nothing to install. The gateway asks for your SSH key, or for a token as password, and starts an instance that is stopped:">
            <Command label="the gateway command" text={commands.gateway} />
          </Step>
          <HostKey label="Host key of the gateway" line={gateway?.host_key} />
        </section>
      )}
      <section>
        {commands.gateway && <h3>By one file</h3>}
        <Step text="One file does the work of dsw for SSH. It needs Python 3.8 or newer and nothing else:">
          <Button icon={<DownloadOutlined aria-hidden />} href={downloadUrl(PROXY_FILE)} download>
            {PROXY_FILE}
          </Button>
        </Step>
        <Step
          text={
            <>
              Tell it the workbench and <TokenLink />, which you paste when it waits:
            </>
          }
        >
          <Command label="the environment" text={commands.environment} />
        </Step>
        <Step text="Connect, in the folder of that file:">
          <Command label="the command with ProxyCommand" text={commands.proxy} />
        </Step>
      </section>
    </>
  );
}

/** Desktop VS Code's Jupyter extension, or whatever else runs notebooks on a server. */
export function JupyterGuide({ instance }: Props) {
  const address = fullUrl(instance, document.baseURI);
  return (
    <>
      <p>
        Notebooks on your computer can run on the kernels of this instance while it runs, with
        desktop VS Code's Jupyter extension for example.
      </p>
      <Step
        text={
          <>
            Make <TokenLink />. With this as its permissions it opens this instance and nothing else:
          </>
        }
      >
        <Command label="the permissions" text={tokenScope(instance)} />
      </Step>
      <Step text="In VS Code choose “Select Kernel > Existing Jupyter Server…”, and enter this address with your token at its end:">
        <Command label="the address" text={`${address}?token=`} />
      </Step>
    </>
  );
}

function Host({ alias, name }: { alias: string | undefined; name: string }) {
  if (alias) return <Command label="the host" text={alias} />;
  return (
    <p className="quiet">
      Its host is the one of those that <code>dsw ssh-config</code> printed that begins with <code>{name}.</code>
    </p>
  );
}

function Configure({ commands }: Pick<Props, "commands">) {
  return (
    <Step text="Once on your computer, log in and let dsw write your SSH configuration:">
      <Command label="both commands" text={`${commands.login}\n${commands.config}`} />
    </Step>
  );
}

function TokenLink() {
  return (
    <a href={hubPage(useUser(), "token")} target="_blank" rel="noopener">
      a token of yours
    </a>
  );
}

function Step({ text, children }: { text: React.ReactNode; children: React.ReactNode }) {
  return (
    <div className="step">
      <p>{text}</p>
      {children}
    </div>
  );
}
