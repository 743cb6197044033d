package verify

import (
	"flag"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"
)

const (
	durationMost      = 24 * time.Hour
	clientsMost       = 500 // members of a conversation, by the server's default
	conversationsMost = 1000
	rateMost          = 10_000
	cutsMost          = 100_000
	// Every message, and every receipt of one, is kept until the check: some 200 and 50 bytes each.
	messagesMost, deliveriesMost = 1_000_000, 5_000_000
	// membersEach is how many clients a conversation has, or more where a client would otherwise be in none.
	membersEach = 5
)

// options are what the sub-command is called with.
type options struct {
	urls                               urlList
	app, masterKey                     string
	duration                           time.Duration
	clients, conversations, rate, cuts int
}

// urlList is a flag that may be given several times, and takes several URLs with commas between them.
type urlList []string

func (l *urlList) String() string { return strings.Join(*l, ",") }

// Set takes one more value of the flag. What is wrong with it is said by check: the flag package would show a value that
// has a password in it.
func (l *urlList) Set(value string) error {
	for text := range strings.SplitSeq(value, ",") {
		*l = append(*l, strings.TrimRight(strings.TrimSpace(text), "/"))
	}
	return nil
}

func (l *urlList) check() error {
	for _, text := range *l {
		u, err := url.Parse(text)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
			if strings.Contains(text, "@") {
				text = "what is given"
			}
			return fmt.Errorf("--url: %s is not the URL of a node, such as http://127.0.0.1:8080", text)
		}
	}
	return nil
}

const usageHead = `Usage: parley verify --url URL [--url URL ...] --app ID [--master-key KEY] [options]

Tries a running deployment from outside: logs in test clients, makes conversations, sends with idempotency keys over all
nodes, follows the clients' streams, cuts them again and again and resumes them on other nodes, and compares all that
came, and the history, with what was sent. Prints what was sent, received, lost, doubled and out of order, and how long
it took. It leaves nothing behind, also when it is interrupted: its conversations, whose names and clients begin with
parley-verify-, are deleted, and its sessions logged out.

`

const usageTail = `
Options may begin with one dash or two. The deployment's limits hold for the test clients too: PARLEY_SENDS_PER_MINUTE is
per client, PARLEY_MAX_STREAMS_PER_ADDRESS for all of them. For certificates of an authority of your own set SSL_CERT_FILE.

Exit code: 0 every promise held; 1 one broke, or it could not be tried; 2 wrong call.
`

// flags gives the flag set, its defaults and its help.
func (o *options) flags(environ []string, out io.Writer) *flag.FlagSet {
	f := flag.NewFlagSet("parley verify", flag.ContinueOnError)
	f.SetOutput(out)
	f.Var(&o.urls, "url", "the `URL` of a node or of the proxy before it; give it once for each node, or with commas")
	f.StringVar(&o.app, "app", variable(environ, "PARLEY_APP_ID"), "the app's `id`; PARLEY_APP_ID where it is left out")
	f.StringVar(&o.masterKey, "master-key", "", "the app's master `key`; PARLEY_MASTER_KEY where it is left out, which no list of processes shows")
	f.DurationVar(&o.duration, "duration", 10*time.Second, "how long to send, at most 24h")
	f.IntVar(&o.clients, "clients", 10, fmt.Sprintf("test clients, 2 to %d, each with a stream; the first two have a second one", clientsMost))
	f.IntVar(&o.conversations, "conversations", 5, fmt.Sprintf("conversations among them, 1 to %d", conversationsMost))
	f.IntVar(&o.rate, "rate", 50, fmt.Sprintf("messages a second at most, all clients together, 1 to %d", rateMost))
	f.IntVar(&o.cuts, "cuts", 50, fmt.Sprintf("how often a stream is cut, all streams together, 0 to %d", cutsMost))
	f.Usage = func() {
		fmt.Fprint(f.Output(), usageHead)
		f.PrintDefaults()
		fmt.Fprint(f.Output(), usageTail)
	}
	return f
}

// variable reads an environment.
func variable(environ []string, name string) (value string) {
	for _, entry := range environ {
		if n, v, _ := strings.Cut(entry, "="); n == name {
			value = v // the last one counts, as for os.Getenv's callers
		}
	}
	return value
}

// check says what is wrong with the options, in one line.
func (o *options) check() error {
	within := func(name string, value, least, most int) error {
		if value < least || value > most {
			return fmt.Errorf("--%s must be %d to %d", name, least, most)
		}
		return nil
	}
	for _, err := range []error{
		o.urls.check(), within("clients", o.clients, 2, clientsMost), within("conversations", o.conversations, 1, conversationsMost),
		within("rate", o.rate, 1, rateMost), within("cuts", o.cuts, 0, cutsMost),
	} {
		if err != nil {
			return err
		}
	}
	messages := o.duration.Seconds() * float64(o.rate)
	switch {
	case len(o.urls) == 0:
		return fmt.Errorf("--url must name a node")
	case o.app == "":
		return fmt.Errorf("--app or PARLEY_APP_ID must name the app")
	case o.masterKey == "":
		return fmt.Errorf("--master-key or PARLEY_MASTER_KEY must give the app's master key")
	case o.duration < time.Second || o.duration > durationMost:
		return fmt.Errorf("--duration must be 1s to %v", durationMost)
	case messages > messagesMost || messages*float64(o.members()) > deliveriesMost:
		return fmt.Errorf("--duration, --rate, --clients: %.0f messages for %d members each; at most %d messages, and %d deliveries, are kept for the check",
			messages, o.members(), messagesMost, deliveriesMost)
	}
	return nil
}

// members is how many clients each conversation has: so many that everybody is in one.
func (o *options) members() int {
	return min(o.clients, max(membersEach, (o.clients+o.conversations-1)/o.conversations))
}
