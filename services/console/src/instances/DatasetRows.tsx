/** The datasets that an instance has from its start: which, which version, where, and how. */
import { DeleteOutlined, PlusOutlined } from "@ant-design/icons";
import { Alert, Button, Input, Select } from "antd";

import type { Dataset, DataAccess } from "../api/models";
import { ACCESS } from "../datasets/words";
import { newWish, wishesProblem, type DatasetWish } from "./datasetWishes";

interface Props {
  datasets: readonly Dataset[];
  wishes: readonly DatasetWish[];
  onChange: (wishes: DatasetWish[]) => void;
  disabled?: boolean;
}

export function DatasetRows({ datasets, wishes, onChange, disabled = false }: Props) {
  const problem = wishesProblem(wishes, datasets);
  const next = datasets.find(({ id }) => !wishes.some(({ dataset }) => dataset === id)) ?? datasets[0];
  const set = (index: number, more: Partial<DatasetWish>) =>
    onChange(wishes.map((wish, at) => (at === index ? { ...wish, ...more } : wish)));
  return (
    <div className="dataset-rows">
      {wishes.map((wish, index) => (
        <Row
          key={index}
          datasets={datasets}
          wish={wish}
          disabled={disabled}
          onChange={(more) => set(index, more)}
          onRemove={() => onChange(wishes.filter((_, at) => at !== index))}
        />
      ))}
      {problem && <Alert type="warning" showIcon title={problem} role="alert" />}
      <Button
        icon={<PlusOutlined aria-hidden />}
        disabled={disabled || datasets.length === 0}
        onClick={() => onChange([...wishes, newWish(next?.id ?? "")])}
      >
        Add a dataset
      </Button>
    </div>
  );
}

interface RowProps {
  datasets: readonly Dataset[];
  wish: DatasetWish;
  disabled: boolean;
  onChange: (more: Partial<DatasetWish>) => void;
  onRemove: () => void;
}

function Row({ datasets, wish, disabled, onChange, onRemove }: RowProps) {
  const chosen = datasets.find(({ id }) => id === wish.dataset);
  const writable = chosen?.writable ?? false;
  return (
    <div className="dataset-row" role="group" aria-label={chosen?.name ?? "Dataset"}>
      <Select
        aria-label="Dataset"
        value={wish.dataset || null}
        disabled={disabled}
        showSearch={{ optionFilterProp: "label" }}
        onChange={(dataset: string) => onChange(newWish(dataset))}
        options={[
          ...datasets.map(({ id, name }) => ({ value: id, label: name })),
          // One that was retired is no longer offered, but this instance still has it.
          ...(chosen || !wish.dataset ? [] : [{ value: wish.dataset, label: wish.dataset }]),
        ]}
      />
      <Select
        aria-label="Version"
        value={wish.version}
        disabled={disabled}
        onChange={(version: number) => onChange({ version })}
        options={[
          { value: 0, label: "Newest" },
          ...Array.from({ length: chosen?.version ?? wish.version }, (_, index) => index + 1)
            .reverse()
            .map((number) => ({ value: number, label: `Version ${number}` })),
        ]}
      />
      <Select
        aria-label="Access"
        value={wish.access}
        disabled={disabled}
        onChange={(access: DataAccess) => onChange({ access })}
        options={(Object.keys(ACCESS) as DataAccess[]).map((value) => ({
          value,
          label: ACCESS[value],
          disabled: value === "rw" && !writable,
        }))}
      />
      <Input
        className="mono"
        aria-label="Path"
        value={wish.path}
        disabled={disabled}
        maxLength={300}
        placeholder={chosen?.mount_path ?? "/mnt/data/…"}
        onChange={(event) => onChange({ path: event.target.value })}
      />
      <Button
        type="text"
        aria-label="Remove"
        icon={<DeleteOutlined aria-hidden />}
        disabled={disabled}
        onClick={onRemove}
      />
    </div>
  );
}
