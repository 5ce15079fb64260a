// What a page does that it must not do: complain, fail, or ask for anything foreign.

/** A context of this browser in which every fault of its pages is added to `faults`. */
export async function watched(browser, options, hosts, faults) {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(20_000);
  const known = (url) => /^(data|blob|about):/.test(url) || hosts.includes(new URL(url).host);
  await context.route(
    (url) => !known(url.href),
    (route) => {
      faults.push(`foreign: ${route.request().url()}`);
      return route.abort();
    },
  );
  await context.exposeBinding('reportViolation', (_, text) => faults.push(`policy: ${text}`));
  await context.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) => {
      window.reportViolation(`${event.violatedDirective} ${event.blockedURI}`);
    });
  });
  context.on('page', (page) => {
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) faults.push(`console: ${message.text()}`);
    });
    page.on('pageerror', (error) => faults.push(`thrown: ${error.stack}`));
    page.on('websocket', (socket) => {
      if (!known(socket.url())) faults.push(`foreign: ${socket.url()}`);
    });
    page.on('requestfailed', (request) => {
      const reason = request.failure()?.errorText;
      // A page that is left or closed gives up what it was asking for.
      if (reason !== 'net::ERR_ABORTED') faults.push(`failed: ${request.url()} ${reason}`);
    });
    page.on('response', (response) => {
      if (response.status() >= 400) faults.push(`HTTP ${response.status()}: ${response.url()}`);
    });
  });
  return context;
}
