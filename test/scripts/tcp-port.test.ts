import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { describe, expect, it } from "vitest";
import { tcpPort } from "../../scripts/runtime/tcp-port.ts";

/** What comes of a port that another program has, and what is said. */
async function whereTaken(isDefault: boolean) {
  const squatter = createServer().listen(0, "127.0.0.1");
  await once(squatter, "listening");
  const { port } = squatter.address() as AddressInfo;
  const said: string[] = [];
  try {
    return { got: await tcpPort({ port, isDefault }, (text) => said.push(text)), said, port };
  } finally {
    squatter.close();
  }
}

describe("the port for TCP", () => {
  it("is given up with a word where another program has it and nobody has named it", async () => {
    const { got, said, port } = await whereTaken(true);
    expect(got).toBeNull();
    expect(said).toEqual([
      expect.stringMatching(`^no door for goim's clients over TCP: port ${port} can't be used .*--tcp-port$`),
    ]);
  });

  it("is refused where another program has it and it was named", async () => {
    await expect(whereTaken(false)).rejects.toThrow("choose another with --tcp-port");
  });

  it("is none where none is wanted", async () => {
    expect(await tcpPort({ port: null, isDefault: false }, () => undefined)).toBeNull();
  });
});
