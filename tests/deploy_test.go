package tests

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"parley/app"
	. "parley/tests/harness"
)

// manifest reads a Kubernetes object; make lint-deploy tells whether Kubernetes would take it.
func manifest(t *testing.T, name string) JSON {
	t.Helper()
	var object JSON
	readYAML(t, "../docs/deploy/kubernetes/"+name+".yaml", &object)
	return object
}

// dig follows names and indices into an object.
func dig(t *testing.T, object any, path ...any) any {
	t.Helper()
	for _, step := range path {
		switch step := step.(type) {
		case string:
			fields, _ := object.(JSON)
			object = fields[step]
		case int:
			list, _ := object.([]any)
			if step >= len(list) {
				t.Fatalf("there is no %v of %v", step, path)
			}
			object = list[step]
		}
	}
	if object == nil {
		t.Fatalf("there is no %v", path)
	}
	return object
}

// The variables of the manifests are ones that a node starts with, once the secrets are filled in, and not before.
func TestKubernetesVariables(t *testing.T) {
	t.Parallel()
	var environ, filled []string
	add := func(name, value string) {
		environ = append(environ, name+"="+value)
		filled = append(filled, name+"="+regexp.MustCompile(`<[^>]*>`).ReplaceAllString(value, strings.ToLower(name)+"-of-32-characters-or-more"))
	}
	for name, value := range dig(t, manifest(t, "configmap"), "data").(JSON) {
		add(name, value.(string)) // Kubernetes takes nothing but strings
	}
	for name, value := range dig(t, manifest(t, "secret"), "stringData").(JSON) {
		add(name, value.(string))
	}
	if _, err := app.ParseConfig(environ); err == nil || !strings.Contains(err.Error(), "PARLEY_") {
		t.Errorf("with the secrets of the example: %v", err)
	}
	config, err := app.ParseConfig(filled)
	if err != nil {
		t.Fatal(err)
	}
	container := dig(t, manifest(t, "deployment"), "spec", "template", "spec", "containers", 0)
	for i, addr := range []string{config.Addr, config.AdminAddr} {
		if port := dig(t, container, "ports", i, "containerPort"); !strings.HasSuffix(addr, ":"+yamlText(t, port)) {
			t.Errorf("the container's port %v is none of %s", port, addr)
		}
	}
	if config.AppID == "" || config.BrokerURL == "" || !strings.HasPrefix(config.FilesURL, "s3://") || !strings.HasPrefix(config.DatabaseURL, "mysql://") {
		t.Errorf("these are no nodes that share all they have: %+v", config)
	}
}

func yamlText(t *testing.T, value any) string {
	t.Helper()
	text, err := yaml.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

// What the deployment says of a node's life fits what a node does: a stop takes up to 10 s, and a service's own variables would stop
// the start.
func TestKubernetesLifeFitsANode(t *testing.T) {
	t.Parallel()
	pod := dig(t, manifest(t, "deployment"), "spec", "template", "spec")
	container := dig(t, pod, "containers", 0)
	const stop = 10
	wait := dig(t, container, "lifecycle", "preStop", "sleep", "seconds").(int)
	if grace := dig(t, pod, "terminationGracePeriodSeconds").(int); grace < wait+stop+stop/2 {
		t.Errorf("%d s are too few for %d s of preStop and a stop", grace, wait)
	}
	if dig(t, pod, "enableServiceLinks") != false {
		t.Error("Kubernetes sets PARLEY_PORT")
	}
	s := Start(t, SQLite(t))
	for _, probe := range []string{"startupProbe", "readinessProbe", "livenessProbe"} {
		path := dig(t, container, probe, "httpGet", "path").(string)
		if status := get(t, s.Nobody(t), path); status != 200 {
			t.Errorf("%s asks %s, which answers %d", probe, path, status)
		}
	}
	if dig(t, container, "livenessProbe", "httpGet", "path") != "/healthz" || dig(t, container, "readinessProbe", "httpGet", "path") != "/readyz" {
		t.Error("a database that is away restarts the nodes, or they get calls that they cannot answer")
	}
	selects := dig(t, manifest(t, "deployment"), "spec", "selector", "matchLabels", "app.kubernetes.io/name")
	for _, name := range []string{"service", "poddisruptionbudget", "networkpolicy"} {
		for _, path := range [][]any{{"spec", "selector", "app.kubernetes.io/name"}, {"spec", "selector", "matchLabels", "app.kubernetes.io/name"}, {"spec", "podSelector", "matchLabels", "app.kubernetes.io/name"}} {
			if object, ok := lookAt(manifest(t, name), path...); ok && object != selects {
				t.Errorf("the %s is for %v", name, object)
			}
		}
	}
}

func lookAt(object any, path ...any) (any, bool) {
	for _, step := range path {
		fields, ok := object.(JSON)
		if !ok {
			return nil, false
		}
		object = fields[step.(string)]
	}
	return object, object != nil
}

// Links between the documents lead somewhere.
func TestDocumentsLinkToWhatIsThere(t *testing.T) {
	t.Parallel()
	pages, err := filepath.Glob("../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	pages = append(pages, "../README.md", "../CONTRIBUTING.md")
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	for _, page := range pages {
		for _, found := range link.FindAllStringSubmatch(readFile(t, page), -1) {
			if strings.Contains(found[1], "://") {
				continue
			}
			path, anchor, _ := strings.Cut(found[1], "#")
			target := page
			if path != "" {
				target = filepath.Join(filepath.Dir(page), path)
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s leads to %s, which is not there", page, found[1])
			} else if anchor != "" && !hasHeading(readFile(t, target), anchor) {
				t.Errorf("%s leads to %s, where there is no such heading", page, found[1])
			}
		}
	}
}

// hasHeading tells whether a document has a heading with this anchor, as GitHub and others make them.
func hasHeading(document, anchor string) bool {
	for _, heading := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(document, -1) {
		made := strings.ToLower(heading[1])
		made = regexp.MustCompile(`[^\p{L}\p{N}\- _]`).ReplaceAllString(made, "")
		if strings.ReplaceAll(made, " ", "-") == anchor {
			return true
		}
	}
	return false
}
