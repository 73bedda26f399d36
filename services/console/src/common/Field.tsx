/** One question of a form: its label, the control that the label belongs to, and a line of help. */
import { Form, Input, Select } from "antd";
import { useId, type ReactNode } from "react";

interface FieldProps {
  label: string;
  help?: ReactNode;
  /** What is wrong with the answer; stands in the place of the help. */
  problem?: string | undefined;
  children: (id: string) => ReactNode;
}

export function Field({ label, help, problem, children }: FieldProps) {
  const id = useId();
  return (
    <Form.Item
      label={label}
      htmlFor={id}
      // Ant Design puts a help into the margin below, where it would touch the next label.
      extra={problem ? undefined : help}
      className="field"
      {...(problem ? { validateStatus: "error", help: problem } : {})}
    >
      {children(id)}
    </Form.Item>
  );
}

interface TextProps extends Omit<FieldProps, "children"> {
  value: string;
  onChange: (value: string) => void;
  placeholder?: string;
  maxLength?: number;
  rows?: number;
  mono?: boolean;
  autoFocus?: boolean;
  disabled?: boolean;
}

export function TextField({ label, help, problem, value, onChange, rows, mono, ...rest }: TextProps) {
  return (
    <Field label={label} help={help} problem={problem}>
      {(id) => {
        const shared = { id, value, autoComplete: "off", ...(mono ? { className: "mono" } : {}), ...rest };
        if (rows) {
          return <Input.TextArea {...shared} rows={rows} onChange={(event) => onChange(event.target.value)} />;
        }
        return <Input {...shared} spellCheck={!mono} onChange={(event) => onChange(event.target.value)} />;
      }}
    </Field>
  );
}

export interface Option<V extends string | number> {
  value: V;
  label: ReactNode;
  disabled?: boolean;
  title?: string;
}

interface ChoiceProps<V extends string | number> extends Omit<FieldProps, "children"> {
  value: V | undefined;
  onChange: (value: V) => void;
  options: Option<V>[];
  placeholder?: string;
  disabled?: boolean;
}

export function ChoiceField<V extends string | number>(props: ChoiceProps<V>) {
  const { label, help, problem, value, onChange, options, placeholder, disabled } = props;
  return (
    <Field label={label} help={help} problem={problem}>
      {(id) => (
        <Select<V>
          id={id}
          value={value as V}
          onChange={onChange}
          options={options}
          placeholder={placeholder}
          disabled={disabled ?? false}
          showSearch={options.length > 8 ? { optionFilterProp: "label" } : false}
        />
      )}
    </Field>
  );
}
