/** The name in the address: derived from the display name, or typed by who wants another. */
import { Button, Form, Input } from "antd";

import { NAME_MAX, NAME_RULE } from "./names";

interface Props {
  owner: string;
  derived: string;
  /** The typed name; undefined while the derived one is taken. */
  value: string | undefined;
  problem: string | undefined;
  onChange: (name: string | undefined) => void;
}

export function NameField({ owner, derived, value, problem, onChange }: Props) {
  if (value === undefined) {
    return (
      <p className="address">
        Its address will be <code>{`/user/${owner}/${derived}/`}</code>, and stays so.{" "}
        <Button type="link" size="small" onClick={() => onChange(derived)}>
          Choose the name
        </Button>
      </p>
    );
  }
  return (
    <Form.Item
      label="Name in the address"
      htmlFor="name"
      help={problem ?? `${NAME_RULE} It cannot be changed later.`}
      extra={
        <Button type="link" size="small" className="flush" onClick={() => onChange(undefined)}>
          Derive it from the display name
        </Button>
      }
      {...(problem ? { validateStatus: "error" } : {})}
    >
      <Input
        id="name"
        autoFocus
        autoComplete="off"
        spellCheck={false}
        className="mono"
        prefix={<span className="quiet">{`/user/${owner}/`}</span>}
        suffix={<span className="quiet">{`${value.length}/${NAME_MAX}`}</span>}
        value={value}
        onChange={(event) => onChange(event.target.value)}
      />
    </Form.Item>
  );
}
