/** The part of a policy that saving instances as images keeps to. */
import { InputNumber, Select } from "antd";

import type { SnapshotPolicy } from "../api/models";
import { ChoiceField, Field } from "../common/Field";

interface Props {
  value: SnapshotPolicy;
  onChange: (value: SnapshotPolicy) => void;
}

export function SavingRules({ value, onChange }: Props) {
  return (
    <>
      <Field label="Never saved in images" help="Patterns of paths, such as *.ckpt or /opt/data; some are always left out.">
        {(id) => (
          <Select
            id={id}
            mode="tags"
            open={false}
            suffixIcon={null}
            tokenSeparators={[" "]}
            placeholder="Nothing more"
            value={value.exclude ?? []}
            onChange={(exclude: string[]) => onChange({ ...value, exclude })}
          />
        )}
      </Field>
      <div className="field-row">
        <ChoiceField
          label="What looks like a secret"
          value={value.secrets}
          onChange={(secrets) => onChange({ ...value, secrets })}
          options={[
            { value: "warn", label: "is reported" },
            { value: "block", label: "ends the saving" },
          ]}
        />
        <Field label="Images kept of an instance's stops" help="0: all">
          {(id) => (
            <InputNumber
              id={id}
              min={0}
              max={1000}
              precision={0}
              value={value.keep_last}
              onChange={(keep) => onChange({ ...value, keep_last: keep ?? 0 })}
            />
          )}
        </Field>
      </div>
    </>
  );
}
