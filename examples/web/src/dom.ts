// Elements from descriptions, changed in place: what is focused, written or being read aloud stays.

export type Properties = {
  readonly key?: string;
  readonly class?: string;
  readonly onclick?: (event: Event) => void;
  readonly onsubmit?: (event: Event) => void;
  readonly disabled?: boolean;
  readonly [attribute: string]: unknown;
};

export type Node = string | Description;

type Description = {
  readonly tag: string;
  readonly properties: Properties;
  readonly children: readonly Node[];
};

/** Describes an element. What is null or false among the children is left out. */
export function h(
  tag: string,
  properties: Properties,
  ...children: readonly (Node | null | false | readonly Node[])[]
): Description {
  const all = children.flat().filter((child): child is Node => child !== null && child !== false);
  return { tag, properties, children: all };
}

const keys = new WeakMap<ChildNode, string>();
const set = new WeakMap<Element, Properties>();

/** Makes the children of `parent` what is described, with as few changes as can be. */
export function render(parent: Element, children: readonly Node[]): void {
  const old = new Map<string, ChildNode>();
  for (const node of parent.childNodes) old.set(keys.get(node) ?? '', node);
  const wanted = children.map((child, index) => {
    const key = keyOf(child, index);
    const node = old.get(key) ?? create(child);
    old.delete(key);
    keys.set(node, key);
    return node;
  });
  // Removed first, so that those which stay need not move: moving takes the focus away.
  for (const node of [...parent.childNodes]) if (!wanted.includes(node)) node.remove();
  wanted.forEach((node, index) => {
    const at = parent.childNodes[index];
    if (at !== node) parent.insertBefore(node, at ?? null);
    update(node, children[index] as Node);
  });
}

/** Two that have the same key can be made of one another. */
function keyOf(child: Node, index: number): string {
  if (typeof child === 'string') return `${index} text`;
  return `${child.properties.key ?? index} ${child.tag}`;
}

function create(child: Node): ChildNode {
  return typeof child === 'string'
    ? document.createTextNode(child)
    : document.createElement(child.tag);
}

function update(node: ChildNode, child: Node): void {
  if (typeof child === 'string') {
    if (node.nodeValue !== child) node.nodeValue = child;
    return;
  }
  const element = node as HTMLElement;
  const before = set.get(element) ?? {};
  set.set(element, child.properties);
  for (const name of Object.keys({ ...before, ...child.properties })) {
    const value = child.properties[name];
    if (name === 'key' || before[name] === value) continue;
    if (name === 'onclick' || name === 'onsubmit') {
      element[name] = (value as ((event: Event) => void) | undefined) ?? null;
    } else if (value === undefined || value === null || value === false) {
      element.removeAttribute(name);
    } else {
      element.setAttribute(name, value === true ? '' : String(value));
    }
  }
  render(element, child.children);
}
