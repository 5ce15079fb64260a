// localStorage under a prefix of its own for each mode and set of demo accounts, so that a
// gateway which changes from demo to live on the same address does not show the other's tabs.

export function createStorage({ mode, accounts }) {
  const prefix = `mono-gateway:${mode}:${accounts?.needsReauth ?? ''}:`;
  const keys = () => Object.keys(localStorage).filter((key) => key.startsWith(prefix));
  return {
    getItem: (key) => localStorage.getItem(prefix + key),
    setItem: (key, value) => localStorage.setItem(prefix + key, value),
    removeItem: (key) => localStorage.removeItem(prefix + key),
    clear: () => keys().forEach((key) => localStorage.removeItem(key)),
    get length() {
      return keys().length;
    },
  };
}
