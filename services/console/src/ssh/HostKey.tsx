/** The fingerprint to compare with what an SSH client shows at the first connection. */
import { Typography } from "antd";
import { useEffect, useState } from "react";

import { fingerprintOf } from "./publicKey";

export function HostKey({ label, line }: { label: string; line: string | null | undefined }) {
  const [fingerprint, setFingerprint] = useState<string>();
  useEffect(() => {
    let current = true;
    setFingerprint(undefined);
    if (line) void fingerprintOf(line).then((found) => current && setFingerprint(found));
    return () => {
      current = false;
    };
  }, [line]);
  if (!line) return null;
  // Without digests in the browser the whole key does as well.
  const shown = fingerprint ?? line;
  return (
    <div className="host-key">
      <span className="quiet">{label}</span>
      <Typography.Text copyable={{ text: shown }} className="mono">
        {shown}
      </Typography.Text>
    </div>
  );
}
