import { parseSync } from "oxc-parser";

interface Node {
  readonly type: string;
  readonly [key: string]: unknown;
}

const isNode = (value: unknown): value is Node =>
  typeof value === "object" && value !== null && "type" in value;

/**
 * Each place where a source takes something out of a worker's `env`: `env.DB`, `this.env["DB"]`,
 * `const { DB } = env`, or the global one.
 */
export function envReads(path: string, source: string): readonly string[] {
  const found: string[] = [];
  const visit = (node: Node): void => {
    const read = readOfEnv(node);
    if (read !== null) found.push(read);
    for (const child of Object.values(node).flat()) if (isNode(child)) visit(child);
  };
  visit(parseSync(path, source).program as unknown as Node);
  return found;
}

function readOfEnv(node: Node): string | null {
  if (
    node.type === "MemberExpression" &&
    (isEnv(node["object"]) || (isMemberEnv(node["object"]) && isBindingName(nameOf(node["property"]))))
  ) {
    return `env.${nameOf(node["property"])}`;
  }
  if (node.type === "VariableDeclarator" && isEnv(node["init"]) && patternOf(node["id"]))
    return "{ … } = env";
  if (node.type === "AssignmentExpression" && isEnv(node["right"]) && patternOf(node["left"]))
    return "{ … } = env";
  if (node.type === "ImportSpecifier" && nameOf(node["imported"]) === "env") return "import { env }";
  return null;
}

function isEnv(value: unknown): boolean {
  if (!isNode(value)) return false;
  if (value.type === "Identifier") return value["name"] === "env";
  return isMemberEnv(value) && isNode(value["object"]) && value["object"].type === "ThisExpression";
}

/**
 * `c.env`: Hono carries what it is given there, which need not be a worker's bindings; those are
 * known by their capitals.
 */
function isMemberEnv(value: unknown): value is Node {
  return isNode(value) && value.type === "MemberExpression" && nameOf(value["property"]) === "env";
}

const isBindingName = (name: string): boolean => /^[A-Z][A-Z0-9_]*$/.test(name);

const patternOf = (value: unknown): boolean => isNode(value) && value.type === "ObjectPattern";

function nameOf(value: unknown): string {
  if (!isNode(value)) return "?";
  return String(value["name"] ?? value["value"] ?? "?");
}
