/** Version of the platform, the same as in package.json (a test holds them together). */
export const PLAYHEAD_VERSION = "0.1.0";
