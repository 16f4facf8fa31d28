import { EventEmitter } from "node:events";
import { instancesChannel } from "@platformatic/kafka";
import { expect, it } from "vitest";
import { hearErrors } from "../../../bridge/kafka-rest/hear-errors.ts";

function made(type: string): EventEmitter {
  const instance = new EventEmitter();
  instancesChannel.publish({ type, instance });
  return instance;
}

it.each(["connection", "messages-stream"])("a %s that fails ends no process", (type) => {
  hearErrors();
  const instance = made(type);
  expect(() => instance.emit("error", new Error("closed"))).not.toThrow();
});

it("other instances' errors are their owners' to hear", () => {
  hearErrors();
  const instance = made("consumer");
  expect(() => instance.emit("error", new Error("closed"))).toThrow("closed");
});
