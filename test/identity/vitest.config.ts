import { identityProject } from "./support/identity-project.ts";
import { HASHING } from "./vitest.alone.config.ts";

export default identityProject({
  name: "identity-workerd",
  include: ["test/identity/**/*.workerd.test.ts"],
  exclude: HASHING,
  fileParallelism: true,
});
