/** The request for a new terminal in Lab's address, as the console's link makes it. */

const PARAMETER = 'dsw';

/** The address without the request, or nothing where it asks for no terminal. */
export function withoutTerminalRequest(address: string): string | undefined {
  const url = new URL(address);
  if (url.searchParams.get(PARAMETER) !== 'terminal') {
    return undefined;
  }
  url.searchParams.delete(PARAMETER);
  return url.href;
}

/** Takes the request out of the address, for a reload would follow it again; whether it was there. */
export function takeTerminalRequest(): boolean {
  const address = withoutTerminalRequest(window.location.href);
  if (address) {
    window.history.replaceState(window.history.state, '', address);
  }
  return address !== undefined;
}
