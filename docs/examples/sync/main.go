// Sync copies every message of an app into another MySQL database, and goes on copying. The position is stored in the
// transaction that stores the messages, so it may be killed at any moment and started again: nothing is lost or doubled.
//
//	SYNC_URL=http://127.0.0.1:8080 SYNC_APP='<app id>:<master key>' SYNC_MYSQL='user:password@tcp(127.0.0.1:3306)/mirror' go run ./docs/examples/sync
package main

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"os"
	"strings"
	"time"

	_ "github.com/go-sql-driver/mysql"
)

func main() {
	db, err := sql.Open("mysql", os.Getenv("SYNC_MYSQL"))
	for _, statement := range []string{
		"CREATE TABLE IF NOT EXISTS messages (id BIGINT PRIMARY KEY, conversation_id VARBINARY(36) NOT NULL, message MEDIUMTEXT NOT NULL) CHARSET utf8mb4",
		"CREATE TABLE IF NOT EXISTS synced (one INT PRIMARY KEY, position VARCHAR(64) NOT NULL)",
		"INSERT INTO synced SELECT 1, '0' FROM DUAL WHERE NOT EXISTS (SELECT 1 FROM synced)",
	} {
		if err == nil {
			_, err = db.Exec(statement)
		}
	}
	if err != nil {
		log.Fatal(err)
	}
	for client := (&http.Client{Timeout: time.Minute}); ; {
		if err := copyPage(db, client); err != nil { // the server is restarted, the network is away: the position stays where it is
			log.Print(err)
			time.Sleep(time.Second)
		}
	}
}

// copyPage copies the next thousand messages; at the end of the log it waits half a minute for one.
func copyPage(db *sql.DB, client *http.Client) error {
	var before string
	if err := db.QueryRow("SELECT position FROM synced").Scan(&before); err != nil {
		return err
	}
	request, err := http.NewRequest("GET", os.Getenv("SYNC_URL")+"/v1/messages?wait=30&after="+before, nil)
	if err != nil {
		return err
	}
	id, key, _ := strings.Cut(os.Getenv("SYNC_APP"), ":")
	request.SetBasicAuth(id, key)
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	var page struct {
		Messages         []json.RawMessage
		Position, Detail string // Detail: of an error
	}
	if err := json.NewDecoder(response.Body).Decode(&page); err != nil || response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s (%v)", response.Status, page.Detail, err)
	}
	if page.Position == before {
		return nil
	}
	tx, err := db.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback() // after the commit it does nothing
	for _, text := range page.Messages {
		var message struct{ ID, ConversationID string }
		if err := json.Unmarshal(text, &message); err != nil {
			return err
		}
		if _, err := tx.Exec("INSERT INTO messages VALUES (?, ?, ?)", message.ID, message.ConversationID, string(text)); err != nil {
			return err
		}
	}
	moved, err := tx.Exec("UPDATE synced SET position = ? WHERE position = ?", page.Position, before)
	if err != nil {
		return err
	}
	if n, err := moved.RowsAffected(); err != nil || n != 1 {
		return fmt.Errorf("another copy of this program runs (%v)", err)
	}
	return tx.Commit()
}
