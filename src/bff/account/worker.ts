import { serve } from "../../platform/serve.ts";
import { wire } from "./wire.ts";

export default { fetch: serve(wire) } satisfies ExportedHandler<AccountBffEnv>;
