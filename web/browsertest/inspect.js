// What a page is asked for in the browser. Each function gives its findings as
// texts; none is written for pages to run.
(() => {
  const words = text => text.replace(/\s+/g, ' ').trim();
  // What is read out of an element: its text without what is hidden from screen readers.
  const label = e => {
    const copy = e.cloneNode(true);
    for (const hidden of copy.querySelectorAll('[aria-hidden=true]')) hidden.remove();
    return words(copy.textContent);
  };
  const named = e => e.tagName.toLowerCase() + (e.id ? '#' + e.id : '') + (label(e) ? ' "' + label(e).slice(0, 40) + '"' : '');
  const interactive = 'a[href], button, input:not([type=hidden]), select, textarea, summary';
  const field = e => /^(INPUT|SELECT|TEXTAREA)$/.test(e.tagName);
  // Not for the eye: cut down to nothing, for screen readers or the key Enter alone.
  const unseen = e => {
    for (; e; e = e.parentElement) {
      const s = getComputedStyle(e);
      if (s.position === 'absolute' && s.overflow === 'hidden' && s.clipPath === 'inset(50%)') return true;
    }
    return false;
  };
  const there = e => e.checkVisibility({visibilityProperty: true, opacityProperty: true}) && !unseen(e);
  const seen = e => there(e) && e.getBoundingClientRect().bottom + scrollY > 0; // above the page waits what comes with the focus
  const all = selector => [...document.body.querySelectorAll(selector)].filter(seen);
  const meet = (a, b) => ({x: Math.min(a.right, b.right) - Math.max(a.left, b.left), y: Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top)});

  // Colours as channels of 0 to 1 and their contrast (WCAG 2.2, relative luminance).
  const colour = text => (text.match(/[\d.]+/g) || []).map((n, i) => i < 3 ? n / 255 : +n);
  const luminance = c => [.2126, .7152, .0722].reduce((sum, weight, i) =>
    sum + weight * (c[i] <= .04045 ? c[i] / 12.92 : ((c[i] + .055) / 1.055) ** 2.4), 0);
  const contrast = (a, b) => (Math.max(luminance(a), luminance(b)) + .05) / (Math.min(luminance(a), luminance(b)) + .05);
  const opaque = c => c.length === 3 || c[3] === 1;
  const ground = e => {
    for (; e; e = e.parentElement) {
      const c = colour(getComputedStyle(e).backgroundColor);
      if (opaque(c)) return c;
    }
    return [1, 1, 1];
  };

  return {
    // Text spacing of WCAG 2.2, 1.4.12. A constructed sheet is no matter of the page's policy.
    space(on) {
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(on ? '* { line-height: 1.5 !important; letter-spacing: .12em !important; word-spacing: .16em !important } p { margin-bottom: 2em !important }' : '');
      document.adoptedStyleSheets = [sheet];
    },

    text: () => words(document.body.innerText),

    // What every page has, and what none has.
    shell(lang, scripts) {
      const faults = [], h1 = [...document.querySelectorAll('h1')].map(label);
      if (h1.length !== 1 || !h1[0]) faults.push('want one h1, got ' + JSON.stringify(h1));
      if (document.documentElement.lang !== lang) faults.push('lang is ' + document.documentElement.lang + ', want ' + lang);
      if (!document.title) faults.push('no title');
      if (document.scripts.length > scripts) faults.push(document.scripts.length + ' scripts, want ' + scripts);
      for (const e of document.querySelectorAll('*'))
        for (const a of e.attributes) if (/^on|^style$/.test(a.name)) faults.push(named(e) + ' has attribute ' + a.name);
      return faults;
    },

    // Nothing reaches over the edge, is cut off, or lies over something else.
    layout(width) {
      const faults = [], root = document.documentElement;
      if (root.scrollWidth > width) faults.push('scrolls sideways: ' + root.scrollWidth + ' of ' + width);
      for (const e of all('*')) {
        const box = e.getBoundingClientRect(), s = getComputedStyle(e);
        if (box.left < -.5 || box.right > width + .5) faults.push(named(e) + ' reaches over the edge: ' + box.left + ' to ' + box.right);
        // A text beside an element is a box of its own there, without the space at its end; a gap stands for it.
        if (/flex|grid/.test(s.display) && !parseFloat(s.columnGap) && [...e.children].some(c => getComputedStyle(c).position !== 'absolute') && [...e.childNodes].some(n => n.nodeType === Node.TEXT_NODE && words(n.data))) faults.push(named(e) + ' runs words together');
        if (field(e) || !e.clientWidth) continue;
        if (e.scrollWidth > e.clientWidth + 1) faults.push(named(e) + ' is ' + e.clientWidth + ' wide and holds ' + e.scrollWidth);
        if (s.overflowY !== 'visible' && e.scrollHeight > e.clientHeight + 1) faults.push(named(e) + ' is ' + e.clientHeight + ' high and holds ' + e.scrollHeight);
      }
      const texts = [], walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
      for (let node; node = walk.nextNode();) {
        if (!words(node.data) || !seen(node.parentElement)) continue;
        const range = document.createRange();
        range.selectNodeContents(node);
        for (const box of range.getClientRects()) texts.push({e: node.parentElement, box});
      }
      const controls = all(interactive);
      for (const c of controls) for (const t of texts) {
        const {x, y} = meet(c.getBoundingClientRect(), t.box);
        if (x > 1 && y > 1 && !c.contains(t.e)) faults.push(named(c) + ' lies over the text of ' + named(t.e));
      }
      // Lines stand close: marks may reach into the next, letters may not.
      texts.forEach((a, i) => texts.slice(i + 1).forEach(b => {
        const {x, y} = meet(a.box, b.box);
        if (x > 1 && y > Math.min(a.box.height, b.box.height) / 3) faults.push('texts of ' + named(a.e) + ' and ' + named(b.e) + ' overlap');
      }));
      return faults;
    },

    // Controls can be read, hit, and told apart with a finger.
    controls() {
      const faults = [], controls = all(interactive);
      for (const e of controls) {
        const box = e.getBoundingClientRect(), size = parseFloat(getComputedStyle(e).fontSize);
        if (size < 16) faults.push(named(e) + ' has text of ' + size + ' px, want 16');
        if (box.height < 47.9) faults.push(named(e) + ' is ' + box.height + ' px high, want 48');
        if (field(e) && !(e.labels && e.labels.length)) faults.push(named(e) + ' has no label');
      }
      controls.forEach((a, i) => controls.slice(i + 1).forEach(b => {
        const {x, y} = meet(a.getBoundingClientRect(), b.getBoundingClientRect());
        if (Math.min(x, y) > -7.9 && Math.max(x, y) > 0 || x > -7.9 && y > -7.9) faults.push(named(a) + ' and ' + named(b) + ' are closer than 8 px');
      }));
      return faults;
    },

    // In forced colours a control is told by its border, a link by its line.
    borders: () => all(interactive).filter(e => {
      const s = getComputedStyle(e);
      const side = name => s['border' + name + 'Style'] !== 'none' && parseFloat(s['border' + name + 'Width']) >= 1 && opaque(colour(s['border' + name + 'Color']));
      return !(['Top', 'Bottom'].every(side) || e.tagName === 'A' && s.textDecorationLine.includes('underline'));
    }).map(e => named(e) + ' has no border'),

    // Nothing moves where the reader wants it still.
    motion: () => [...document.querySelectorAll('*')].filter(e => [null, '::before', '::after'].some(part => {
      const s = getComputedStyle(e, part);
      return s.animationName !== 'none' || s.transitionDuration.split(',').some(d => parseFloat(d) > 0) || s.scrollBehavior === 'smooth';
    })).map(e => named(e) + ' moves'),

    // Role and label of each control, to be compared with what the browser tells a screen reader.
    labels: () => [...document.querySelectorAll(interactive)].filter(there).map(e => {
      const role = {radio: 'radio', checkbox: 'checkbox', 'select-one': 'combobox'}[e.type] || (field(e) ? 'textbox' : '') || {A: 'link', SUMMARY: 'DisclosureTriangle'}[e.tagName] || 'button';
      return role + ' ' + (field(e) && e.labels && e.labels.length ? label(e.labels[0]) : label(e));
    }),

    // Where Tab has to stop, in the order of the page.
    stops() {
      this.list = [...document.body.querySelectorAll(interactive + ', iframe, [tabindex], [contenteditable]')].filter(e =>
        (e.tabIndex >= 0 || e.matches(interactive) && there(e)) && !e.closest('[inert]') && e.checkVisibility({visibilityProperty: true}));
      return this.list.map(named);
    },

    // Where the focus is now: which stop, where on the page, and whether it is seen.
    focus() {
      const e = document.activeElement, faults = [];
      if (!e || e === document.body) return {stop: -1, id: '', faults};
      this.stops();
      const s = getComputedStyle(e), box = e.getClientRects()[0], bounds = e.getBoundingClientRect();
      const ring = colour(s.outlineColor), around = ground(e.parentElement);
      const shadow = s.boxShadow === 'none' ? around : colour(s.boxShadow);
      if (s.outlineStyle === 'none' || !(parseFloat(s.outlineWidth) >= 2)) faults.push(named(e) + ' shows no focus');
      else if (Math.max(contrast(ring, around), contrast(shadow, around)) < 3) faults.push(named(e) + ' shows a faint focus');
      else if (s.boxShadow !== 'none' && contrast(ring, shadow) < 3) faults.push(named(e) + ' shows a focus of one tone');
      if (bounds.top < -.5 || bounds.left < -.5 || bounds.right > innerWidth + .5 || bounds.bottom > innerHeight + .5 && bounds.height < innerHeight)
        faults.push(named(e) + ' has the focus out of sight');
      for (const [x, y] of [[.5, .5], [.1, .2], [.9, .2], [.1, .8], [.9, .8]]) {
        const at = document.elementFromPoint(box.left + box.width * x, box.top + box.height * y);
        if (at && at !== e && !e.contains(at)) {
          faults.push(named(e) + ' has the focus behind ' + named(at));
          break;
        }
      }
      return {stop: this.list.indexOf(e), id: e.id, primary: e.matches('button.primary'), left: bounds.left + scrollX, top: bounds.top + scrollY, bottom: bounds.bottom + scrollY, faults};
    },

    // Where the summary of a form's errors points.
    errors: () => [...document.querySelectorAll('#loi a')].map(a => a.hash.slice(1)),
  };
})()
