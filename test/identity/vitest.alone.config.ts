import { identityProject } from "./support/identity-project.ts";

/**
 * Files that hash many passwords at once, one by one: who waits three seconds for a hash is
 * refused, and nine at once have two and a half of CPU to do.
 */
export const HASHING = ["accounts", "login-attempts"].map((name) => `test/identity/${name}.workerd.test.ts`);

export default identityProject({
  name: "identity-alone-workerd",
  include: HASHING,
  fileParallelism: false,
});
