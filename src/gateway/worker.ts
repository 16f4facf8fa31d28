import { serve } from "../platform/http/serve.ts";
import { wire } from "./wire.ts";

export default { fetch: serve(wire) } satisfies ExportedHandler<GatewayEnv>;
