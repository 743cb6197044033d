package tests

import (
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"parley/app"
	. "parley/tests/harness"
)

// original is a server's life up to the day on which its database is lost: a backup, and what came after it.
type original struct {
	tom, jerry, william  *Client // William has logged out since the backup
	conversation, backup string
	texts                []string // all that was said, in order
	ids                  []string // of the same
	safe                 int      // so many had been said when the backup began
}

// live leads that life. Tom goes on talking while the backup is made.
func live(t *testing.T, db string) *original {
	t.Helper()
	s := Start(t, db)
	const nameInUTF8 = "Jérôme 🙂" // a backup in another character set would not have it
	o := &original{tom: s.Login(t, "Tom", ""), jerry: s.Login(t, nameInUTF8, ""), william: s.Login(t, "William", "phone")}
	o.conversation = o.tom.Create(t, nameInUTF8)
	for i := range 20 {
		o.say(t, fmt.Sprint("before 🙂 ", i))
	}
	o.safe = len(o.texts)
	o.sayWhile(t, func() { o.backup = backUp(t, db) })
	for i := range 10 {
		o.say(t, fmt.Sprint("after ", i))
	}
	o.william.Do(t, "DELETE", "/v1/sessions/current", nil).Want(204)
	s.Stop(t)
	return o
}

// say sends under the text as key.
func (o *original) say(t *testing.T, text string) {
	t.Helper()
	o.ids = append(o.ids, sayOnce(t, o.tom, o.conversation, text).Want(201).Object()["id"].(string))
	o.texts = append(o.texts, text)
}

func sayOnce(t *testing.T, by *Client, conversation, text string) *Answer {
	t.Helper()
	return by.Do(t, "POST", "/v1/conversations/"+conversation+"/messages", JSON{"type": "text", "text": text},
		"Idempotency-Key", url.QueryEscape(text))
}

func (o *original) sayWhile(t *testing.T, do func()) {
	t.Helper()
	done, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for i := 0; ; i++ {
			select {
			case <-done:
				return
			default:
			}
			o.say(t, fmt.Sprint("meanwhile ", i))
		}
	}()
	defer func() { <-stopped }()
	defer close(done)
	do()
}

// backUp makes a backup of a database that is in use, as docs/operations.md says, and gives its path.
func backUp(t *testing.T, db string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "backup")
	if file, ok := strings.CutPrefix(db, "sqlite://"); ok {
		if _, err := OpenSQL(t, "sqlite://"+file).Exec("VACUUM INTO ?", path); err != nil {
			t.Fatal(err)
		}
		return path
	}
	backup, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	runClient(t, db, []string{"mariadb-dump", "mysqldump"}, nil, backup, "--single-transaction", "--hex-blob", "--default-character-set=utf8mb4")
	if err := backup.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// restore puts a backup into a fresh database and gives its URL.
func restore(t *testing.T, backup, lost string) (db string) {
	t.Helper()
	from, err := os.Open(backup)
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	if strings.HasPrefix(lost, "mysql://") {
		db = EmptyMySQL(t)
		runClient(t, db, []string{"mariadb", "mysql"}, from, io.Discard)
		return db
	}
	db = EmptySQLite(t)
	to, err := os.Create(strings.TrimPrefix(db, "sqlite://"))
	if err == nil {
		_, err = io.Copy(to, from)
	}
	if err == nil {
		err = to.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// runClient runs a program of MariaDB's or MySQL's client on a database.
func runClient(t *testing.T, db string, names []string, stdin io.Reader, stdout io.Writer, arguments ...string) {
	t.Helper()
	program := FindProgram(t, names...)
	u, err := url.Parse(db)
	if err != nil {
		t.Fatal(err)
	}
	password, _ := u.User.Password()
	cmd := exec.Command(program, append(arguments, "--host="+u.Hostname(), "--port="+u.Port(), "--user="+u.User.Username(),
		strings.TrimPrefix(u.Path, "/"))...)
	cmd.Env = append(os.Environ(), "MYSQL_PWD="+password)
	var problems strings.Builder
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, stdout, &problems
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v: %s", program, err, problems.String())
	}
}

// afterRestore runs the sub-command and gives the number after which the log goes on.
func afterRestore(t *testing.T, p Program, db string) (after string) {
	t.Helper()
	running := StartProcess(t, p.SubCommand(t.TempDir(), []string{"after-restore"}, "PARLEY_DATABASE_URL="+db))
	if code := running.Wait(t); code != 0 {
		t.Fatalf("the exit code is %d: %s", code, running.Stderr)
	}
	var appID, before string
	if _, err := fmt.Sscanf(running.Stdout.String(), "app %s the log goes on after %s instead of %s", &appID, &after, &before); err != nil || appID != AppID+":" {
		t.Fatalf("%v: %q", err, running.Stdout)
	}
	return after
}

// TestRestoreOfABackup: nothing that clients know from after the backup is taken for something else.
func TestRestoreOfABackup(t *testing.T) {
	p := BuildProgram(t)
	Databases(t, func(t *testing.T, db string) {
		o := live(t, db)
		restored := restore(t, o.backup, db)
		once := afterRestore(t, p, restored)
		after := afterRestore(t, p, restored) // twice is as good
		if number(t, after) <= number(t, once) || number(t, once) <= number(t, o.ids[len(o.ids)-1]) {
			t.Fatalf("the log goes on after %s, then after %s", once, after)
		}
		one, two := Start(t, restored), Start(t, restored)
		kept := o.wantHistory(t, one)
		for i, position := range []string{"1", o.ids[0], o.ids[kept-1], o.ids[len(o.ids)-1], once} {
			o.wantResync(t, one, two, position, after, fmt.Sprint("round ", i))
		}
		o.wantKeys(t, one, kept)
		o.william.On(one).Do(t, "GET", "/v1/sessions/current", nil).Want(200) // as docs/operations.md warns
		one.Stop(t)
		two.Stop(t)
		o.wantNewSecretEndsSessions(t, restored)
	})
}

// wantHistory: what had been said when the backup began is there, and what was said meanwhile up to some point.
func (o *original) wantHistory(t *testing.T, s *Server) (kept int) {
	t.Helper()
	history := o.jerry.On(s).Texts(t, o.conversation)
	kept = len(history)
	if kept < o.safe || kept > len(o.texts)-10 || !slices.Equal(history, o.texts[:kept]) {
		t.Fatalf("the history has %d messages, or others than were sent; %d were there when the backup began", kept, o.safe)
	}
	t.Logf("%d messages before the backup, %d of %d during it", o.safe, kept-o.safe, len(o.texts)-10-o.safe)
	return kept
}

// wantResync: a stream with a position of before is told to fetch anew, goes on live with what another node stores, and
// can be resumed from there.
func (o *original) wantResync(t *testing.T, s, other *Server, position, after, text string) {
	t.Helper()
	jerry, tom := o.jerry.On(s), o.tom.On(other)
	stream := jerry.Listen(t, position)
	first := stream.Want("resync")
	if first.Data["reason"] != "position_expired" || number(t, first.ID) < number(t, after) || first.Data["position"] != first.ID {
		t.Errorf("from %s: %s", position, first.Raw)
	}
	if event := stream.Want("reconnect"); event.Data["missed"] != nil || event.Data["resumedFrom"] != first.ID {
		t.Errorf("from %s: %s", position, event.Raw)
	}
	said := tom.Say(t, o.conversation, text)
	if number(t, said) <= number(t, after) {
		t.Errorf("the message %s is not after %s", said, after)
	}
	if event := stream.Want("message"); event.ID != said || event.Data["text"] != text {
		t.Errorf("got %s, not %s", event.Raw, said)
	}
	stream.Cut()
	missed := tom.Say(t, o.conversation, text+", missed")
	resumed := jerry.Listen(t, stream.LastID())
	if event := resumed.Want("message"); event.ID != missed {
		t.Errorf("got %s, not %s", event.Raw, missed)
	}
	if event := resumed.Want("reconnect"); event.Data["missed"] != 1.0 {
		t.Errorf("resumed with %s", event.Raw)
	}
	resumed.Cut()
}

// wantKeys: a repeat of what was kept finds it; what was lost is stored anew.
func (o *original) wantKeys(t *testing.T, s *Server, kept int) {
	t.Helper()
	tom := o.tom.On(s)
	if again := sayOnce(t, tom, o.conversation, o.texts[kept-1]).Want(200).Object(); again["id"] != o.ids[kept-1] {
		t.Errorf("the repeat of %s was answered with %v", o.ids[kept-1], again)
	}
	last := len(o.texts) - 1
	if again := sayOnce(t, tom, o.conversation, o.texts[last]).Want(201).Object(); number(t, again["id"].(string)) <= number(t, o.ids[last]) {
		t.Errorf("the repeat of %s was answered with %v", o.ids[last], again)
	}
}

// wantNewSecretEndsSessions: with another signing secret no token of before is good, and who logs in anew is served.
func (o *original) wantNewSecretEndsSessions(t *testing.T, db string) {
	t.Helper()
	s := Start(t, db, func(c *app.Config) { c.SigningSecret = "another-" + SigningSecret })
	for _, client := range []*Client{o.tom, o.jerry, o.william} {
		client.On(s).Do(t, "GET", "/v1/sessions/current", nil).WantProblem(401, "token_invalid", "")
	}
	s.Login(t, "William", "phone").Do(t, "GET", "/v1/sessions/current", nil).Want(200)
}

// TestRestoredCopyBesideTheOriginal: a restore that is only tried, on the same broker, hears nothing of the original.
func TestRestoredCopyBesideTheOriginal(t *testing.T) {
	p, nats := BuildProgram(t), NATS(t)
	Databases(t, func(t *testing.T, db string) {
		withBroker := func(c *app.Config) { c.BrokerURL = nats }
		first, second := Start(t, db, withBroker), Start(t, db, withBroker)
		tom, jerry := first.Login(t, "Tom", ""), first.Login(t, "Jerry", "")
		conversation := tom.Create(t, "Jerry")
		copied := restore(t, backUp(t, db), db)
		afterRestore(t, p, copied)
		one, two := Start(t, copied, withBroker), Start(t, copied, withBroker)
		atOriginal, atCopy := jerry.On(second).Listen(t, ""), jerry.On(one).Listen(t, "")
		atOriginal.Want("online")
		atCopy.Want("online")
		path, typing := "/v1/conversations/"+conversation+"/messages", JSON{"type": "typing", "transient": true}
		tom.Do(t, "POST", path, typing).Want(202)
		atOriginal.Want("message") // the broker has brought it to all who are to hear of it
		if said, event := tom.Say(t, conversation, "at the original"), atOriginal.Want("message"); event.ID != said {
			t.Errorf("the original got %s", event.Raw)
		}
		typing["payload"] = "at the copy"
		atCopy.WantNothingBefore(func() { tom.On(two).Do(t, "POST", path, typing).Want(202) },
			func(event Event) bool { return event.Data["payload"] == "at the copy" })
	})
}

// TestAfterRestoreWithoutARestore: a wrong call and a database that cannot be the restored one are told apart, in a line.
func TestAfterRestoreWithoutARestore(t *testing.T) {
	t.Parallel()
	p := BuildProgram(t)
	for name, c := range map[string]struct {
		arguments []string
		database  string
		code      int
		says      string
	}{
		"help":              {[]string{"-h"}, "", 0, "Usage: parley after-restore"},
		"argument":          {[]string{"now"}, "", 2, "Usage: parley after-restore"},
		"flag":              {[]string{"-now"}, "", 2, "-now"},
		"database is empty": {nil, EmptySQLite(t), 1, "PARLEY_DATABASE_URL"},
		"database is gone":  {nil, "mysql://tom:" + password + "@127.0.0.1:1/parley", 1, "PARLEY_DATABASE_URL"},
		"not a database":    {nil, "postgres://tom:" + password + "@127.0.0.1/parley", 1, "PARLEY_DATABASE_URL"},
	} {
		t.Run(name, func(t *testing.T) {
			running := StartProcess(t, p.SubCommand(t.TempDir(), append([]string{"after-restore"}, c.arguments...), "PARLEY_DATABASE_URL="+c.database))
			if code := running.Wait(t); code != c.code {
				t.Errorf("the exit code is %d, not %d", code, c.code)
			}
			said := running.Stderr.String()
			if !strings.Contains(said, c.says) || strings.Contains(said, password) || c.code == 1 && strings.Count(said, "\n") != 1 {
				t.Errorf("it says %q", said)
			}
		})
	}
}
