/** How to reach an instance from one's own computer: the commands for each tool, ready to be copied. */
import { Alert, Button, Modal, Tabs } from "antd";

import type { Instance } from "../api/models";
import { useSshKeys } from "../api/sshCalls";
import { isUp } from "../instances/states";
import { hubAddress, useUser } from "../shell/me";
import { hrefOf } from "../shell/route";
import { useWorkspace } from "../shell/scope";
import { rightsOnInstance } from "../workspace/rights";
import { commandsFor, needsStart } from "./commands";
import { JetBrainsGuide, JupyterGuide, PlainGuide, TerminalGuide, VscodeGuide } from "./guides";
import { HostKey } from "./HostKey";

interface Props {
  instance: Instance;
  onClose: () => void;
}

export function ConnectDialog({ instance, onClose }: Props) {
  const me = useUser();
  const { ssh } = rightsOnInstance(instance, me, useWorkspace(instance.workspace_id));
  const guide = { instance, commands: commandsFor({ instance, me, hub: hubAddress(me) }) };
  const bySsh = [
    tab("terminal", "Terminal", <TerminalGuide {...guide} />),
    tab("vscode", "VS Code", <VscodeGuide {...guide} />),
    tab("jetbrains", "JetBrains", <JetBrainsGuide {...guide} />),
    tab("plain", "Without dsw", <PlainGuide {...guide} />),
  ];
  return (
    <Modal
      open
      width="min(720px, 100vw - 32px)"
      title={`Connect to “${instance.display_name}”`}
      onCancel={onClose}
      footer={<Button onClick={onClose}>Close</Button>}
    >
      {ssh ? <Hints instance={instance} /> : <Alert type="info" showIcon title={NO_SSH} />}
      <Tabs items={[...(ssh ? bySsh : []), tab("jupyter", "Jupyter", <JupyterGuide {...guide} />)]} />
    </Modal>
  );
}

const NO_SSH = "Your role in this workspace does not include SSH. Its admins can change that.";

const tab = (key: string, label: string, guide: React.ReactNode) => ({
  key,
  label,
  children: <div className="guide">{guide}</div>,
});

/** What stands between the user and a session by SSH now. */
function Hints({ instance }: { instance: Instance }) {
  const me = useUser();
  const keys = useSshKeys();
  return (
    <div className="hints">
      {keys.data?.length === 0 && (
        <Alert
          type="warning"
          showIcon
          title={
            <>
              You have no SSH key here yet. <code>dsw</code> adds one of this computer by itself; for
              other clients <a href={hrefOf("ssh-keys")}>add one first.</a>
            </>
          }
        />
      )}
      {!isUp(instance.state) && (
        <Alert type="info" showIcon title={needsStart({ instance, me }) ? STARTS : NOT_UP} />
      )}
      {isUp(instance.state) && !instance.ssh && <Alert type="warning" showIcon title={NO_SERVER} />}
      <HostKey label="Host key of this instance" line={instance.ssh?.host_key} />
    </div>
  );
}

const STARTS = (
  <>
    It is not running. <code>--start</code> in the commands below starts it and waits until it is up.
  </>
);
const NOT_UP = "It is not running. Only its owner can start it.";
const NO_SERVER =
  "This instance has not told of an SSH server. Its image may have none; those of this workbench do.";
