/** What each role may take: sizes, and the highest priority. A part of the policy. */
import { Select } from "antd";

import type { Policy, Role, Spec } from "../api/models";
import { DEFAULT_PRIORITY, PRIORITIES } from "../instances/offers";

interface Props {
  policy: Policy;
  roles: readonly Role[];
  specs: readonly Spec[];
  onChange: (policy: Partial<Policy>) => void;
}

export function RoleRules({ policy, roles, specs, onChange }: Props) {
  const running = roles.filter(({ actions, name }) => actions.includes("instance.use.own") || isNamed(policy, name));
  return (
    <table className="grid-table">
      <thead>
        <tr>
          <th scope="col">Role</th>
          <th scope="col" className="wide">
            Sizes
          </th>
          <th scope="col">Highest priority</th>
        </tr>
      </thead>
      <tbody>
        {running.map(({ name }) => (
          <tr key={name}>
            <th scope="row">{name}</th>
            <td>
              <Select
                mode="multiple"
                aria-label={`Sizes of ${name}`}
                placeholder={policy.specs?.[name] ? "No size" : "All sizes"}
                value={policy.specs?.[name] ?? []}
                onChange={(names: string[]) =>
                  onChange({ specs: withRule(policy.specs, name, names.length ? names : undefined) })
                }
                options={specs.map((spec) => ({ value: spec.name, label: spec.name }))}
              />
            </td>
            <td>
              <Select
                aria-label={`Highest priority of ${name}`}
                value={policy.max_priority?.[name] ?? DEFAULT_PRIORITY}
                onChange={(priority: number) =>
                  onChange({ max_priority: withRule(policy.max_priority, name, priority) })
                }
                options={PRIORITIES.map((value) => ({ value, label: String(value) }))}
              />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

const isNamed = ({ specs, max_priority }: Policy, role: string): boolean =>
  role in (specs ?? {}) || role in (max_priority ?? {});

/** The rules with one more, or without one. */
function withRule<T>(rules: Record<string, T> | undefined, role: string, rule: T | undefined): Record<string, T> {
  const { [role]: _, ...rest } = rules ?? {};
  return rule === undefined ? rest : { ...rest, [role]: rule };
}
