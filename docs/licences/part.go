package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/google/licensecheck"
)

// part is a module that Parley is built of, or the standard library.
type part struct {
	path, version string
	inServer      bool   // or only in tests and tools
	licence       string // by its SPDX name; several with "and"
	files         []file
}

// file is a licence, or what a licence wants to be handed on with it.
type file struct {
	name string // below the module
	text string
}

// allowed are the licences, by their SPDX names, that ask for no more than that their text goes along, and (MPL) that who asks
// is told where the unchanged source is: the texts name it.
var allowed = []string{"0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MPL-2.0", "Unlicense", "Zlib"}

// knownTexts are the files that licensecheck does not know, and what they say; empty: nothing about code.
var knownTexts = map[string]string{
	"modernc.org/sqlite/LICENSE-SQLITE": "public domain",
	"modernc.org/memory/LICENSE-LOGO":   "",
}

// listed is what go list tells of a package.
type listed struct {
	Dir      string
	Standard bool
	Module   *struct {
		Path, Version, Dir string
		Main               bool
	}
}

// findParts finds the parts in alphabetical order: of the server as it is released, for Linux and without cgo, and of all the rest.
func findParts() ([]part, error) {
	server, err := list(".")
	if err != nil {
		return nil, err
	}
	all, err := list("-test", "./...", "tool")
	if err != nil {
		return nil, err
	}
	found := map[string]*part{}
	for i, p := range slices.Concat(server, all) {
		if p.Standard || p.Module == nil || p.Module.Main {
			continue
		}
		m := found[p.Module.Path]
		if m == nil {
			m = &part{path: p.Module.Path, version: p.Module.Version, inServer: i < len(server)}
			found[p.Module.Path] = m
		}
		if m.inServer && i >= len(server) {
			continue // what a test needs of it is not handed on
		}
		if err := m.addFiles(p.Dir, p.Module.Dir); err != nil {
			return nil, err
		}
	}
	if found["Go"], err = standardLibrary(); err != nil {
		return nil, err
	}
	parts := []part{swaggerUI}
	for _, m := range found {
		err = errors.Join(err, m.classify())
		parts = append(parts, *m)
	}
	slices.SortFunc(parts, func(a, b part) int { return strings.Compare(a.path, b.path) })
	return parts, err
}

func standardLibrary() (*part, error) {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return nil, fmt.Errorf("go env: %w", err)
	}
	folder := strings.TrimSpace(string(root))
	library := &part{path: "Go (the standard library)", inServer: true}
	return library, library.addFiles(folder, folder)
}

// swaggerUI is embedded by a module that does not say so.
var swaggerUI = part{path: "Swagger UI (in github.com/swaggo/files/v2)", inServer: true, licence: "Apache-2.0", files: []file{{
	name: "NOTICE", text: "swagger-ui\nCopyright 2020-2021 SmartBear Software Inc.\n\nThe text of its licence, Apache-2.0, stands with others here.\n"}}}

func list(arguments ...string) ([]listed, error) {
	cmd := exec.Command("go", append([]string{"list", "-deps", "-json=Dir,Standard,Module"}, arguments...)...)
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=0")
	cmd.Stderr = os.Stderr
	output, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	var packages []listed
	for decoder := json.NewDecoder(strings.NewReader(string(output))); ; {
		var p listed
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return packages, nil
		} else if err != nil {
			return nil, err
		}
		packages = append(packages, p)
	}
}

// licenceName is what a file with a licence is called, legalName also one that goes along with it.
var (
	licenceName = regexp.MustCompile(`(?i)^([a-z]+[-_])?(licen[cs]e|copying|unlicense)([-_.][a-z0-9]+)*$`)
	legalName   = regexp.MustCompile(`(?i)^(notice|patents)(\.[a-z]+)?$`)
)

// addFiles adds the files of a package's folder and of those above it up to the module's: a folder may hold code of others.
func (m *part) addFiles(folder, root string) error {
	for {
		entries, err := os.ReadDir(folder)
		if err != nil {
			return err
		}
		for _, entry := range entries {
			name, err := filepath.Rel(root, filepath.Join(folder, entry.Name()))
			if err != nil {
				return err
			}
			known := slices.ContainsFunc(m.files, func(f file) bool { return f.name == name })
			if known || entry.IsDir() || filepath.Ext(name) == ".go" || !licenceName.MatchString(entry.Name()) && !legalName.MatchString(entry.Name()) {
				continue
			}
			text, err := os.ReadFile(filepath.Join(root, name))
			if err != nil {
				return err
			}
			m.files = append(m.files, file{name: filepath.ToSlash(name), text: string(text)})
		}
		if len(folder) <= len(root) {
			return nil
		}
		folder = filepath.Dir(folder)
	}
}

// classify tells by the texts which licences they are.
func (m *part) classify() error {
	slices.SortFunc(m.files, func(a, b file) int { return strings.Compare(a.name, b.name) })
	var licences []string
	for _, f := range m.files {
		if !licenceName.MatchString(filepath.Base(f.name)) {
			continue
		}
		if known, ok := knownTexts[m.path+"/"+f.name]; ok {
			if known != "" {
				licences = append(licences, known)
			}
			continue
		}
		coverage := licensecheck.Scan([]byte(f.text))
		if len(coverage.Match) == 0 {
			return fmt.Errorf("%s: nobody knows the licence in %s", m.path, f.name)
		}
		for _, match := range coverage.Match {
			if !slices.Contains(allowed, match.ID) {
				return fmt.Errorf("%s: %s, in %s, is not one of the licences allowed", m.path, match.ID, f.name)
			}
			licences = append(licences, match.ID)
		}
	}
	if len(licences) == 0 {
		return fmt.Errorf("%s has no licence", m.path)
	}
	slices.Sort(licences)
	m.licence = strings.Join(slices.Compact(licences), " and ")
	return nil
}
