package web

import (
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"eidgate/web/browsertest"
)

// stretched is Vietnamese that takes 40 % more room.
func stretched(text string) string {
	return text + " " + strings.Repeat("ẵ", len([]rune(text))*2/5)
}

// khmer stands for the scripts that write no spaces: minority languages are
// message files too.
func khmer(text string) string {
	const sample = "សូមជ្រើសរើសគណនីដើម្បីចូលប្រើសេវាសាធារណៈ"
	runes := []rune(strings.Repeat(sample, len([]rune(text))/len([]rune(sample))+1))
	return string(runes[:len([]rune(text))])
}

// pagesIn are the pages with every text of the Vietnamese messages put through a
// function; what is a parameter stays.
func pagesIn(t *testing.T, write func(string) string) *Pages {
	t.Helper()
	file, err := readMessages("vi")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range file.Messages {
		if strings.HasPrefix(m.ID, "format.") {
			continue
		}
		var text strings.Builder
		rest := m.Other
		for _, at := range action.FindAllString(m.Other, -1) {
			before, after, _ := strings.Cut(rest, at)
			if before != "" {
				text.WriteString(write(before))
			}
			text.WriteString(at)
			rest = after
		}
		m.Other = text.String() + write(rest)
	}
	c, err := newCatalogue(file)
	if err != nil {
		t.Fatal(err)
	}
	p := newPages(t)
	pages, err := parsePages(c, []*catalogue{c, catalogueOf(t, "en")}, p.assets)
	if err != nil {
		t.Fatal(err)
	}
	p.templates = map[string]map[string]pageTemplate{"vi": pages}
	return p
}

// measure lists what reaches over the edge of each page in a frame, at the widths
// of a small phone and of a desk.
const measure = `<!doctype html><meta charset="utf-8"><pre id="found"></pre><script>
const names = %s, widths = [320, 1280], found = [];
const measured = (name, width) => new Promise(done => {
  const frame = document.createElement('iframe');
  frame.style.cssText = 'border:0;height:900px;width:' + width + 'px';
  frame.onload = () => {
    const root = frame.contentDocument.documentElement;
    if (root.querySelectorAll('h1').length !== 1) found.push(name + ' did not load');
    if (getComputedStyle(root.querySelector('main')).display !== 'block') found.push(name + ' has no style sheet');
    if (root.scrollWidth > width) found.push(name + ' at ' + width + ' is ' + root.scrollWidth + ' wide');
    for (const e of root.querySelectorAll('h1, h2, p, li, dt, dd, label, button:not([aria-hidden]), a.button, .badge')) {
      const box = e.getBoundingClientRect();
      if (box.right > width + .5 || box.left < -.5) found.push(name + ' at ' + width + ': ' + e.tagName + ' ' + e.className + ' reaches to ' + box.right);
    }
    frame.remove();
    done();
  };
  frame.src = '/page/' + name;
  document.body.append(frame);
});
(async () => {
  for (const width of widths) for (const name of names) await measured(name, width);
  const done = document.getElementById('found');
  done.textContent = JSON.stringify(found);
  done.dataset.pages = names.length * widths.length;
})();
</script>`

var foundIn = regexp.MustCompile(`<pre id="found" data-pages="(\d+)">(.*)</pre>`)

// TestLongLanguagesKeepTheLayout looks at every page in Chromium.
func TestLongLanguagesKeepTheLayout(t *testing.T) {
	chromium, err := browsertest.Program()
	if err != nil {
		t.Fatal(err)
	}
	for name, write := range map[string]func(string) string{"stretched": stretched, "khmer": khmer} {
		t.Run(name, func(t *testing.T) {
			p, list := pagesIn(t, write), samples()
			bodies := map[string][]byte{}
			var names []string
			for _, s := range list {
				body, err := p.execute("vi", s.page)
				if err != nil {
					t.Fatalf("%s: %v", s.name, err)
				}
				bodies[s.name], names = body, append(names, s.name)
			}
			encoded, err := json.Marshal(names)
			if err != nil {
				t.Fatal(err)
			}
			mux := http.NewServeMux()
			mux.Handle("/assets/", p.Assets())
			mux.HandleFunc("/page/{name}", func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; frame-ancestors 'self'")
				_, _ = w.Write(bodies[r.PathValue("name")])
			})
			mux.HandleFunc("/{$}", func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintf(w, measure, encoded) })
			server := httptest.NewServer(mux)
			defer server.Close()
			out, err := exec.CommandContext(t.Context(), chromium, "--headless", "--no-sandbox", "--disable-gpu", "--window-size=1400,1000",
				"--user-data-dir="+t.TempDir(), "--virtual-time-budget=60000", "--dump-dom", server.URL).Output()
			if err != nil {
				t.Fatalf("running %s: %v", chromium, err)
			}
			m := foundIn.FindSubmatch(out)
			if m == nil || string(m[1]) != fmt.Sprint(2*len(names)) {
				t.Fatalf("the browser did not look at all pages:\n%.2000s", out)
			}
			var found []string
			if err := json.Unmarshal([]byte(html.UnescapeString(string(m[2]))), &found); err != nil {
				t.Fatal(err)
			}
			for _, f := range found {
				t.Error(f)
			}
		})
	}
}
