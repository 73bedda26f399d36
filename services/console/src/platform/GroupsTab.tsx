/** The resource groups: what each has, how much of it is given away, and which GPUs are free. */
import { useGroups } from "../api/workspaceQueries";
import type { ResourceGroup } from "../api/models";
import { Loaded } from "../common/Loaded";
import { Meter } from "../common/Meter";
import { groupBars } from "./groupBars";

export function GroupsTab() {
  return (
    <Loaded query={useGroups()}>
      {(groups) => (
        <div className="details">
          {groups.map((group) => (
            <Group key={group.name} group={group} />
          ))}
        </div>
      )}
    </Loaded>
  );
}

function Group({ group }: { group: ResourceGroup }) {
  const { name, description, specs, discovered, waiting } = group;
  return (
    <section className="sheet card" aria-label={`Resource group ${name}`}>
      <div className="section-head">
        <h2>
          {name}
          {description && <span className="quiet"> · {description}</span>}
        </h2>
        <span className="quiet">{waiting === 0 ? "nobody waits" : `${waiting} waiting`}</span>
      </div>
      <div className="meters">
        {groupBars(group).map(({ key, label, text, part }) => (
          <Meter key={key} label={label} text={text} part={part} />
        ))}
      </div>
      <dl className="caps">
        <div>
          <dt>Sizes</dt>
          <dd>{specs.join(", ") || "none"}</dd>
        </div>
        <div>
          <dt>Capacity</dt>
          <dd>{discovered ? "as found on the engine's host" : "as set in dsw.toml"}, overcommitment included</dd>
        </div>
      </dl>
    </section>
  );
}
