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

  /** Registers a fresh user and signs them in. */
  async signUp(
    email: string,
    password = "correct horse battery",
  ): Promise<{ readonly userId: string; readonly token: string; readonly refreshToken: string }> {
    await this.call("POST", "/v1/account/register", { body: { email, password } });
    return this.signIn(email, password);
  }

  async signIn(
    email: string,
    password: string,
  ): Promise<{ readonly userId: string; readonly token: string; readonly refreshToken: string }> {
    const { status, body } = await this.call("POST", "/v1/account/login", { body: { email, password } });
    if (status !== 200) throw new Error(`signing in answered ${status}: ${JSON.stringify(body)}`);
    return {
      userId: String(body["userId"]),
      token: String(body["accessToken"]),
      refreshToken: String(body["refreshToken"]),
    };
  }
}
