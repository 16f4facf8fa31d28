import { serve } from "../../platform/http/serve.ts";
import { wire } from "./wire.ts";

export default {
  fetch: serve((env: OpsBffEnv) => wire(env).fetch),
  scheduled: (_controller, env) => wire(env).sweep(),
} satisfies ExportedHandler<OpsBffEnv>;
