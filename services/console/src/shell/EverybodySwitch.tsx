/** Whether a list also shows what others have, for those who may see it. */
import { Switch } from "antd";

import { useScope, where } from "./scope";

export function EverybodySwitch() {
  const scope = useScope();
  if (where(scope, "instance.read.all").length === 0) return null;
  return (
    <label className="switch">
      <Switch size="small" checked={scope.everybody} onChange={scope.setEverybody} />
      Everybody's
    </label>
  );
}
