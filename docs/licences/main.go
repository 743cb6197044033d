// Licences prints what Parley is built of and under which licences: a table (docs/licences.md), or with -texts the texts
// that go along with a binary. An unknown licence, or one that is not allowed, is an error. Run it in the module's folder.
package main

import (
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"strings"
)

func main() {
	texts := flag.Bool("texts", false, "print the texts of the licences of what is in the server")
	flag.Parse()
	parts, err := findParts()
	if err != nil {
		log.Fatal(err)
	}
	write := writeTable
	if *texts {
		write = writeTexts
	}
	if err := write(os.Stdout, parts); err != nil {
		log.Fatal(err)
	}
}

const preamble = `# Licences

Parley itself is under the [MIT license](../LICENSE). ` + "`make licences`" + ` writes this page, and a test compares it; a licence outside of those that
` + "`docs/licences/part.go`" + ` allows fails the build. ` + "`make build`" + ` and the Docker image bring the texts along, as ` + "`NOTICES`" + `. What the checks take
from npm (` + "`.ci/npm`" + `) and the example clients (` + "`tests/clients`" + `) is in nothing that is handed on.
`

func writeTable(w io.Writer, parts []part) error {
	out := &printer{w: w}
	out.printf("%s", preamble)
	for _, section := range []struct {
		title    string
		inServer bool
	}{{"In the server", true}, {"In tests and tools only", false}} {
		out.printf("\n## %s\n\n| module | licence |\n|---|---|\n", section.title)
		for _, p := range parts {
			if p.inServer == section.inServer {
				out.printf("| %s | %s |\n", p.path, p.licence)
			}
		}
	}
	return out.err
}

// writeTexts writes each text once, below all that it goes along with.
func writeTexts(w io.Writer, parts []part) error {
	out := &printer{w: w}
	out.printf("Parley contains the following, each under the terms that stand below it.\n")
	sources := map[string][]string{} // by text
	var texts []string
	for _, p := range parts {
		if !p.inServer {
			continue
		}
		source := p.path
		if p.version != "" {
			source += " " + p.version + ", its source at https://pkg.go.dev/" + p.path + "@" + p.version
		}
		for _, file := range p.files {
			if sources[file.text] == nil {
				texts = append(texts, file.text)
			}
			sources[file.text] = append(sources[file.text], source+" ("+file.name+")")
		}
	}
	for _, text := range texts {
		out.printf("\n%s\n%s\n\n%s\n", strings.Repeat("-", 80), strings.Join(sources[text], "\n"), strings.TrimSpace(text))
	}
	return out.err
}

// printer keeps the first error.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) printf(format string, values ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format, values...)
	}
}
