/*
 * Loaded before every script (`node --import`), in JavaScript that an old Node reads, too: without
 * npm's install scripts the system's Node is in charge, and would only say that it doesn't know the
 * ending ".ts".
 */

const MAJOR_MIN = 24;

if (Number(process.versions.node.split(".")[0]) < MAJOR_MIN) {
  const why = "npm has installed one, but not its program (--ignore-scripts?)";
  process.stderr.write(
    `playhead: Node ${MAJOR_MIN} is needed, this is ${process.versions.node}: ${why}; run npm rebuild node\n`,
  );
  process.exit(1);
}
