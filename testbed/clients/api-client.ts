interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // The tests say what they expect of a body; a wrong guess fails them.
  readonly body: Readonly<Record<string, unknown>>;
}

interface CallOptions {
  readonly token?: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

const ATTEMPTS_MAX = 6;

/** A client of the public API as a test wants it: any status is an answer. */
export class ApiClient {
  readonly #url: string;

  constructor(url: string) {
    this.#url = url;
  }

  async call(method: string, path: string, { token, body, headers = {} }: CallOptions = {}): Promise<Answer> {
    const response = await fetch(this.#url + path, {
      method,
      headers: {
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      body: text === "" ? {} : (JSON.parse(text) as Record<string, unknown>),
    };
  }

  /**
   * The same by a client that comes back when it is told to, or where time ran out, as any route
   * may say on a busy machine. Only for what may be asked twice.
   */
  async callPatiently(method: string, path: string, options: CallOptions = {}): Promise<Answer> {
    for (let attempt = 1; ; attempt += 1) {
      const answer = await this.call(method, path, options);
      const isForNow = answer.status === 503 || answer.status === 504;
      if (!isForNow || attempt === ATTEMPTS_MAX) return answer;
      const waitMs = Number(answer.headers.get("retry-after") ?? 1) * 1_000;
      await new Promise((resolve) => setTimeout(resolve, waitMs));
    }
  }

  /** Registers a fresh user and signs them in. */
  async signUp(
    email: string,
    password = "correct horse battery",
  ): Promise<{ readonly userId: string; readonly token: string; readonly refreshToken: string }> {
    await this.callPatiently("POST", "/v1/account/register", { body: { email, password } });
    return this.signIn(email, password);
  }

  async signIn(
    email: string,
    password: string,
  ): Promise<{ readonly userId: string; readonly token: string; readonly refreshToken: string }> {
    const { status, body } = await this.callPatiently("POST", "/v1/account/login", {
      body: { email, password },
    });
    if (status !== 200) throw new Error(`signing in answered ${status}: ${JSON.stringify(body)}`);
    return {
      userId: String(body["userId"]),
      token: String(body["accessToken"]),
      refreshToken: String(body["refreshToken"]),
    };
  }
}
