// What a page is to those who do not see it or do not point: its accessibility tree as the browser
// hands it to a screen reader, the order of its focus, the contrast of its text.

/** The tree, flat and in order, without what a screen reader passes over. */
export async function tree(page) {
  const session = await page.context().newCDPSession(page);
  try {
    const { nodes } = await session.send('Accessibility.getFullAXTree');
    return nodes
      .filter(({ ignored }) => !ignored)
      .map(({ role, name, properties = [] }) => {
        const property = (wanted) => properties.find((one) => one.name === wanted)?.value.value;
        return {
          role: role?.value ?? '',
          name: name?.value ?? '',
          level: property('level'),
          live: property('live'),
        };
      });
  } finally {
    await session.detach();
  }
}

/** What Tab comes to, in its order: where it stands, and how wide the line around it is. */
export async function controls(page) {
  const found = [];
  await page.evaluate(() => {
    document.activeElement.blur();
    window.scrollTo(0, 0);
  });
  for (;;) {
    await page.keyboard.press('Tab');
    const at = await page.evaluate(() => {
      const { activeElement: element } = document;
      if (element === document.body || element.dataset.passed) return null;
      element.dataset.passed = 'yes';
      const { left, top } = element.getBoundingClientRect();
      const { outlineStyle, outlineWidth } = getComputedStyle(element);
      return {
        name: element.labels?.[0]?.textContent ?? element.textContent,
        left,
        top: top + window.scrollY,
        outline: outlineStyle === 'none' ? 0 : Number.parseFloat(outlineWidth),
      };
    });
    if (at === null) break;
    found.push(at);
  }
  await page.evaluate(() => {
    for (const element of document.querySelectorAll('[data-passed]')) delete element.dataset.passed;
  });
  return found;
}

/**
 * Every piece of text that is to be seen, with the contrast between it and what is behind it.
 * Source: WCAG 2.2, "contrast ratio" and "relative luminance".
 */
export const contrasts = (page) =>
  page.evaluate(() => {
    const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
    // Whatever a colour is written as, the canvas knows it in red, green, blue and opacity.
    const read = (colour) => {
      canvas.clearRect(0, 0, 1, 1);
      canvas.fillStyle = colour;
      canvas.fillRect(0, 0, 1, 1);
      return [...canvas.getImageData(0, 0, 1, 1).data];
    };
    const luminance = ([red, green, blue]) => {
      const linear = (value) => {
        const part = value / 255;
        return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
      };
      return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
    };
    const behind = (element) => {
      for (let at = element; at; at = at.parentElement) {
        const colour = read(getComputedStyle(at).backgroundColor);
        if (colour[3] === 255) return colour;
        if (colour[3] !== 0) throw new Error('a background that is half to be seen through');
      }
      throw new Error('nothing is behind it');
    };
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const found = [];
    while (walker.nextNode()) {
      const element = walker.currentNode.parentElement;
      const text = walker.currentNode.nodeValue.trim();
      if (text === '' || element.closest('.for-readers') || !element.checkVisibility()) continue;
      const [one, other] = [read(getComputedStyle(element).color), behind(element)].map(luminance);
      const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
      found.push({ text, ratio: Math.round(ratio * 100) / 100 });
    }
    return found;
  });
