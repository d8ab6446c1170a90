package main_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const (
	sourceGuideEN = "../../docs/source-guide.en.md"
	sourceGuideVI = "../../docs/source-guide.vi.md"
)

// TestSourceGuide follows the guide for owners of sources: "sh source" is run in
// order, "sh source stays" is left running, "json source" is the file of a link, and of the configuration "yaml source"
// is an item of sources, "yaml client" one of clients, "yaml registry" a key.
func TestSourceGuide(t *testing.T) {
	blocks := guideBlocks(t, sourceGuideEN)
	if vi := guideBlocks(t, sourceGuideVI); !slices.Equal(blocks, vi) {
		t.Errorf("%d blocks in English, %d in Vietnamese, want the same ones", len(blocks), len(vi))
	}
	t.Setenv("POPULATION_TOKEN", "example-only")
	t.Setenv("THU_VIEN_PASSWORD", "example-only")
	t.Setenv("VNEID_SECRET", "example-only")
	gateway := freeBlock()
	g := &guideRun{dir: t.TempDir(), moved: strings.NewReplacer("eidgate init ", "eidgate init --addr "+gateway+" ")}
	defer func() { g.stop(t) }()
	for _, block := range blocks {
		switch block.info {
		case "sh source":
			g.run(t, block)
		case "sh source stays":
			g.start(t, block)
			g.answers(t, "http://"+gateway+"/readyz")
		}
		if strings.Contains(block.text, "eidgate init ") {
			g.configure(t, blocks)
		}
	}
	g.answers(t, "http://"+gateway+"/source/buu-chinh/metadata", "http://"+gateway+"/source/nganh/metadata")
	for _, want := range []string{
		" 2 clients, 6 sources",
		"source buu-chinh", "source nganh", "source buu-dien", "source thu-vien", "source vneid",
		"client cong-tinh            level 1  administrative",
		"2027-01-01 00:00:00 +07  cong-tinh  buu-chinh", "linked: ", "off: buu-chinh", "on: buu-chinh",
	} {
		if !strings.Contains(g.said, want) {
			t.Errorf("the guide's commands do not say %q:\n%s", want, g.said)
		}
	}
}

// configure adds the guide's blocks to the configuration that init wrote.
func (g *guideRun) configure(t *testing.T, blocks []guideBlock) {
	t.Helper()
	file := filepath.Join(g.dir, "eidgate-try", "eidgate.yaml")
	raw, err := os.ReadFile(file)
	must(t, err)
	text := string(raw)
	for _, block := range blocks {
		item := "  " + strings.ReplaceAll(strings.TrimSpace(block.text), "\n", "\n  ") + "\n"
		switch block.info {
		case "yaml source":
			text = strings.Replace(text, "\nsources:\n", "\nsources:\n"+item, 1)
		case "yaml client":
			text = strings.Replace(text, "\nclients:\n", "\nclients:\n"+item, 1)
		case "yaml registry":
			text += "\n" + block.text
		case "json source":
			must(t, os.WriteFile(filepath.Join(g.dir, "eidgate-try", "link.json"), []byte(block.text), 0o600))
		}
	}
	must(t, os.WriteFile(file, []byte(text), 0o600))
}
