package tests

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
)

// What a build or CI downloads has an exact version, so that it is the same tomorrow.
func TestDownloadsArePinned(t *testing.T) {
	text := func(name string) string {
		data, err := os.ReadFile("../" + name)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	exact := regexp.MustCompile(`^[\w./-]+:\d+\.\d+\.\d+(@sha256:[0-9a-f]{64})?$`)
	images := regexp.MustCompile(`(?m)^(?:FROM|\s+image:)\s+(\S+)`).FindAllStringSubmatch(text("Dockerfile")+text("docker-compose.yml"), -1)
	for _, image := range images {
		if image[1] != "scratch" && !exact.MatchString(image[1]) {
			t.Errorf("the image %s is not pinned", image[1])
		}
	}
	toolchain := regexp.MustCompile(`(?m)^toolchain go(\S+)$`).FindStringSubmatch(text("go.mod"))
	if toolchain == nil || !strings.Contains(text("Dockerfile"), "FROM golang:"+toolchain[1]+" AS build\n") {
		t.Errorf("the Dockerfile does not build by the toolchain of go.mod, %v", toolchain)
	}
	scripts := text("Makefile") + text(".ci/run")
	tools := regexp.MustCompile(`\b[a-z]+\.[a-z]+/[\w./-]+@(\S+)`).FindAllStringSubmatch(scripts, -1)
	for _, tool := range tools {
		if !regexp.MustCompile(`^v\d+\.\d+\.\d+(-0?\.?\d{14}-[0-9a-f]{12})?$`).MatchString(tool[1]) {
			t.Errorf("the tool %s is not pinned", tool[0])
		}
	}
	if len(images) < 5 || len(tools) < 4 {
		t.Errorf("only %d images and %d tools were found", len(images), len(tools))
	}
	for _, loose := range []string{"npx ", "npm install", "pip install", "wget ", "curl http", "docker pull"} {
		if strings.Contains(scripts, loose) {
			t.Errorf("%q downloads what nothing pins", loose)
		}
	}
	var packages struct {
		Dependencies map[string]string `json:"dependencies"`
	}
	if err := json.Unmarshal([]byte(text(".ci/npm/package.json")), &packages); err != nil {
		t.Fatal(err)
	}
	for name, version := range packages.Dependencies {
		if !regexp.MustCompile(`^\d+\.\d+\.\d+(-[\w.-]+)?$`).MatchString(version) {
			t.Errorf("the npm package %s is not pinned: %s", name, version)
		}
	}
}
