/** Registers `count` users and signs them in. Returns the header that each of them sends. */
export async function signedInUsers(
  url: string,
  count: number,
): Promise<readonly { readonly authorization: string }[]> {
  const users: { authorization: string }[] = [];
  for (let user = 0; user < count; user += 1) {
    const credentials = { email: `bench-${user}@example.com`, password: "correct horse battery" };
    await post(`${url}/v1/account/register`, credentials);
    const { accessToken } = (await post(`${url}/v1/account/login`, credentials)) as { accessToken: string };
    users.push({ authorization: `Bearer ${accessToken}` });
  }
  return users;
}

async function post(url: string, body: object): Promise<unknown> {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${await response.text()}`);
  return response.json();
}
