package app

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/caarlos0/env/v11"
)

// PrintConfig is the sub-command that prints the configuration that a start with the same variables would have, without
// secrets, and where each value comes from. 0: it is good; 1: it is not, and a line names the variable; 2: a wrong call.
func PrintConfig(_ context.Context, args, environ []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("parley config", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprint(stderr, "Usage: parley config\n\nPrints what the server would run with: each variable, its value without secrets, and whether that is set in the\n"+
			"environment or the default. Exits with 1 and names the variable when one is wrong.\n")
	}
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	case flags.NArg() > 0:
		flags.Usage()
		return 2
	}
	_, err := ParseConfig(environ)
	if err == nil {
		err = printConfig(stdout, env.ToMap(environ))
	}
	if err != nil {
		fmt.Fprintln(stderr, "parley config:", err)
		return 1
	}
	return 0
}

func printConfig(stdout io.Writer, variables map[string]string) error {
	table := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	for _, field := range reflect.VisibleFields(reflect.TypeFor[Config]()) {
		name := field.Tag.Get("env")
		if name == "-" {
			continue
		}
		value, source := variables[name], "environment"
		if value == "" { // set to nothing means not set
			value, source = field.Tag.Get("envDefault"), "default"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\n", name, shown(name, value), source)
	}
	// The libraries read these; of those that are not set they have the defaults.
	for _, name := range slices.Sorted(maps.Keys(variables)) {
		if strings.HasPrefix(name, "OTEL_") && variables[name] != "" {
			fmt.Fprintf(table, "%s\t%s\tenvironment\n", name, shown(name, variables[name]))
		}
	}
	return table.Flush()
}

// hidden stands for what is not shown.
const hidden = "***"

// shown is a variable's value without what is secret in it.
func shown(name, value string) string {
	switch {
	case value == "":
		return "(empty)"
	case isSecret(name):
		return fmt.Sprintf("%s (%d bytes)", hidden, len(value))
	}
	return withoutPasswords(value)
}

// isSecret goes by the variable's name, so that a new one is not forgotten. PARLEY_TLS_KEY is the name of a file.
func isSecret(name string) bool {
	for _, end := range []string{"_KEY", "_SECRET", "_TOKEN", "_PASSWORD", "_HEADERS"} {
		if strings.HasSuffix(name, end) {
			return name != "PARLEY_TLS_KEY"
		}
	}
	return false
}

var (
	// Up to the last @: a password may have one, and one that is not encoded as it should be may have anything.
	userInfo = regexp.MustCompile(`(?s)^([a-zA-Z][a-zA-Z0-9+.-]*://)(.*)@`)
	// Parameters of a URL whose names sound secret.
	secretParameter = regexp.MustCompile(`(?is)([?&;][^=&;]*(?:key|secret|token|pass|credential|sign)[^=&;]*=)[^&;]*`)
)

// withoutPasswords hides the password of a URL, and a name that stands alone: a NATS token.
func withoutPasswords(value string) string {
	value = userInfo.ReplaceAllStringFunc(value, func(found string) string {
		parts := userInfo.FindStringSubmatch(found)
		user, _, both := strings.Cut(parts[2], ":")
		if !both || strings.ContainsAny(user, "/?#@") {
			return parts[1] + hidden + "@"
		}
		return parts[1] + user + ":" + hidden + "@"
	})
	return secretParameter.ReplaceAllString(value, "${1}"+hidden)
}
