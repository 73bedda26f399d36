/** How much of a resource group is given away. Pure. */
import type { ResourceGroup } from "../api/models";
import { amountText, labelOf, type Bar } from "../workspace/quotaBars";

export function groupBars({ allowed, used, gpus = [] }: ResourceGroup): Bar[] {
  const amounts = ["cpu", "memory"].map((resource) => {
    const [there, taken] = [allowed[resource] ?? 0, used[resource] ?? 0];
    return {
      key: resource,
      label: labelOf(resource),
      text: `${amountText(resource, taken)} of ${amountText(resource, there)}`,
      part: there ? taken / there : undefined,
    };
  });
  const devices = gpus.map(({ type, total, free, shares }) => ({
    key: `gpu:${type}`,
    label: labelOf(`gpu:${type}`),
    text: `${free} of ${total} ${shares > 1 ? `shares (${shares} each) ` : ""}free`,
    part: total ? (total - free) / total : undefined,
  }));
  return [...amounts, ...devices];
}
