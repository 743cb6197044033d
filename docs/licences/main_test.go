package main

import (
	"os"
	"strings"
	"testing"
)

// One reading of all modules serves the tests of what is written from it.
func TestPageAndTextsAreThoseOfTheModules(t *testing.T) {
	t.Chdir("../..")
	parts, err := findParts()
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("docs/licences.md")
	if err != nil {
		t.Fatal(err)
	}
	var table, texts strings.Builder
	if err := writeTable(&table, parts); err != nil {
		t.Fatal(err)
	}
	if table.String() != string(page) {
		t.Error("docs/licences.md is not what go.mod says: run make licences")
	}
	if err := writeTexts(&texts, parts); err != nil {
		t.Fatal(err)
	}
	for _, p := range parts {
		if strings.Contains(texts.String(), "\n"+p.path+" ") != p.inServer {
			t.Errorf("%s: in the server %v, and the texts say otherwise", p.path, p.inServer)
		}
	}
}

func TestLicencesThatAreNotAllowed(t *testing.T) {
	const copyleft = `This program is free software: you can redistribute it and/or modify it under the terms of the GNU General Public License as
published by the Free Software Foundation, either version 3 of the License, or (at your option) any later version. This program is distributed in
the hope that it will be useful, but WITHOUT ANY WARRANTY; without even the implied warranty of MERCHANTABILITY or FITNESS FOR A PARTICULAR PURPOSE.`
	for text, want := range map[string]string{copyleft: "not one of the licences allowed", "You may look at it on Sundays.": "nobody knows"} {
		p := part{path: "example.org/some", files: []file{{name: "LICENSE", text: text}}}
		if err := p.classify(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20s…: %v", text, err)
		}
	}
	if err := (&part{path: "example.org/none", files: []file{{name: "NOTICE", text: "x"}}}).classify(); err == nil {
		t.Error("a module without a licence passes")
	}
}
