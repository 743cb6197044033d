package harness

import (
	"database/sql"
	"testing"
	"time"
)

// FollowLog reads what the log has after the number seen, as one snapshot on a connection of its own, and fails the test
// at a hole: a number that is visible while a lower one is not. It gives the last number.
func FollowLog(t testing.TB, db *sql.DB, seen int64) int64 {
	rows, err := db.Query(`SELECT seq FROM (SELECT seq FROM messages WHERE app_id = 1 AND seq > ?
		UNION ALL SELECT seq FROM events WHERE app_id = 1 AND seq > ?) log ORDER BY seq`, seen, seen)
	if err != nil {
		t.Errorf("following the log: %v", err)
		return seen
	}
	defer rows.Close()
	for rows.Next() {
		var seq int64
		if err := rows.Scan(&seq); err != nil {
			t.Errorf("following the log: %v", err)
		}
		if seq != seen+1 {
			t.Errorf("after %d the reader saw %d", seen, seq)
		}
		seen = seq
	}
	if err := rows.Err(); err != nil {
		t.Errorf("following the log: %v", err)
	}
	return seen
}

// HoldTransaction does what another node does, slowly: it locks the counter row, writes a message under the next
// number, tells that number, and commits only after a while.
func HoldTransaction(t testing.TB, db *sql.DB, isMySQL bool, conversation, sender string, hold time.Duration, held chan<- int64) {
	tx, err := db.Begin()
	if err != nil {
		t.Errorf("holding a transaction: %v", err)
		close(held)
		return
	}
	var seq, newest int64
	query := "SELECT seq, newest_at FROM counters WHERE app_id = 1"
	if isMySQL {
		query += " FOR UPDATE"
	}
	err = tx.QueryRow(query).Scan(&seq, &newest)
	for _, statement := range []string{
		`INSERT INTO messages (app_id, conversation_id, seq, sender, session_id, idempotency_key, type, text, created_at)
			VALUES (1, '` + conversation + `', ?, '` + sender + `', '', 'other node', 'text', 'held', ?)`,
		"UPDATE counters SET seq = ?, newest_at = ? WHERE app_id = 1",
	} {
		if err == nil {
			_, err = tx.Exec(statement, seq+1, newest)
		}
	}
	held <- seq + 1
	<-time.After(hold)
	if err == nil {
		_, err = tx.Exec("UPDATE conversations SET last_seq = ? WHERE app_id = 1 AND id = ? AND last_seq < ?", seq+1, conversation, seq+1)
	}
	if err == nil {
		err = tx.Commit()
	}
	if err != nil {
		t.Errorf("holding a transaction: %v", err)
	}
}
