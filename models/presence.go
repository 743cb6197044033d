package models

import (
	"context"
	"slices"

	"gorm.io/gorm"

	"parley/models/query"
)

// Presence says that a session of a client has a stream on a node.
type Presence struct {
	AppID     uint32 `gorm:"primaryKey;autoIncrement:false"`
	ClientID  string `gorm:"primaryKey"`
	NodeID    string `gorm:"primaryKey"`
	SessionID string `gorm:"primaryKey"` // empty: the app's own server listens as the client
	Tag       *string
}

// Lease is a node's claim to its presences.
type Lease struct {
	NodeID    string
	RenewedAt Timestamp // by the database's clock
}

// Attendance is who of some clients is on a node now: the whole truth about these clients on this node, so that writing it
// twice, or late, does no harm.
type Attendance struct {
	Clients []string
	Present []Presence // of these clients
	Left    []string   // those of them who have lost a stream, at LeftAt
	LeftAt  Timestamp
}

// databaseNow is the database's clock in milliseconds since 1970, as an expression.
func databaseNow(db *gorm.DB) string {
	if db.Name() == "mysql" {
		return query.MySQL.Now()
	}
	return query.SQLite.Now()
}

func (s *Store) databaseClock(ctx context.Context) (now Timestamp, err error) {
	db := s.read.WithContext(ctx)
	err = db.Raw("SELECT " + databaseNow(db)).Row().Scan(&now)
	return now, err
}

// Attend writes who is on a node and renews its lease. lost tells that it has none, because the others have taken it for
// dead, and that nothing was written: it joins again, under another id. Only one that joins is given a lease. One attempt:
// the caller comes again.
func (s *Store) Attend(ctx context.Context, appID uint32, nodeID string, joins bool, a Attendance) (lost bool, err error) {
	err = s.write.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		// The lease first: it is what a node that takes this one for dead removes first, so neither overtakes the other.
		known, err := renewLease(tx, appID, nodeID)
		if err != nil {
			return err
		}
		if lost = !known && !joins; lost {
			return nil
		}
		if !known {
			err := tx.Exec("INSERT INTO node_leases (app_id, node_id, renewed_at) VALUES (?, ?, "+databaseNow(tx)+")", appID, nodeID).Error
			if err != nil {
				return err
			}
		}
		return attend(tx, appID, nodeID, a)
	})
	return lost, err
}

func attend(tx *gorm.DB, appID uint32, nodeID string, a Attendance) error {
	if len(a.Clients) == 0 {
		return nil
	}
	if err := tx.Exec("DELETE FROM presences WHERE app_id = ? AND node_id = ? AND client_id IN ?", appID, nodeID, a.Clients).Error; err != nil {
		return err
	}
	if len(a.Present) > 0 {
		if err := tx.CreateInBatches(a.Present, insertRows).Error; err != nil {
			return err
		}
	}
	return seen(tx, appID, a.Left, a.LeftAt)
}

func renewLease(tx *gorm.DB, appID uint32, nodeID string) (known bool, err error) {
	renewed := tx.Exec("UPDATE node_leases SET renewed_at = "+databaseNow(tx)+" WHERE app_id = ? AND node_id = ?", appID, nodeID)
	if renewed.Error != nil || renewed.RowsAffected > 0 {
		return true, renewed.Error
	}
	var rows int // MySQL does not count a row that the same millisecond has renewed before
	err = tx.Raw("SELECT COUNT(*) FROM node_leases WHERE app_id = ? AND node_id = ?", appID, nodeID).Row().Scan(&rows)
	return rows > 0, err
}

// seen moves the time at which clients were last seen.
func seen(tx *gorm.DB, appID uint32, clients []string, at Timestamp) error {
	clients = slices.Compact(slices.Sorted(slices.Values(clients))) // in one order on all nodes: no deadlock
	for some := range slices.Chunk(clients, insertRows) {
		var known []string
		err := tx.Raw("SELECT client_id FROM clients WHERE app_id = ? AND client_id IN ?", appID, some).Find(&known).Error
		if err != nil {
			return err
		}
		err = tx.Exec("UPDATE clients SET last_seen_at = ? WHERE app_id = ? AND client_id IN ? AND last_seen_at < ?", at, appID, some, at).Error
		if err != nil {
			return err
		}
		var rows []client
		for _, id := range without(some, known...) {
			rows = append(rows, client{AppID: appID, ClientID: id, LastSeenAt: at})
		}
		if len(rows) > 0 {
			if err := tx.Create(&rows).Error; err != nil { // a duplicate, where another node has just seen it: the next attempt finds it
				return err
			}
		}
	}
	return nil
}

// client is a row of the table clients.
type client struct {
	AppID      uint32 `gorm:"primaryKey;autoIncrement:false"`
	ClientID   string `gorm:"primaryKey"`
	LastSeenAt Timestamp
}

// Leases reads the leases of all nodes, and the database's clock.
func (s *Store) Leases(ctx context.Context, appID uint32) (leases []Lease, now Timestamp, err error) {
	if now, err = s.databaseClock(ctx); err != nil {
		return nil, 0, err
	}
	err = s.read.WithContext(ctx).Raw("SELECT node_id, renewed_at FROM node_leases WHERE app_id = ?", appID).Find(&leases).Error
	return leases, now, err
}

// Bury removes a node that is dead, if its lease is still as it was seen, and gives the presences that it held. With an
// error it may have taken effect all the same; buried then holds what would have been.
func (s *Store) Bury(ctx context.Context, appID uint32, dead Lease) (buried []Presence, err error) {
	err = s.write.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		taken := tx.Exec("DELETE FROM node_leases WHERE app_id = ? AND node_id = ? AND renewed_at = ?", appID, dead.NodeID, dead.RenewedAt)
		if taken.Error != nil || taken.RowsAffected == 0 { // renewed, or buried by another node
			return taken.Error
		}
		if err := tx.Where("app_id = ? AND node_id = ?", appID, dead.NodeID).Find(&buried).Error; err != nil {
			return err
		}
		if err := tx.Exec("DELETE FROM presences WHERE app_id = ? AND node_id = ?", appID, dead.NodeID).Error; err != nil {
			return err
		}
		clients := make([]string, len(buried))
		for i, p := range buried {
			clients[i] = p.ClientID
		}
		return seen(tx, appID, clients, dead.RenewedAt)
	})
	return buried, err
}

// Resign removes a node that has no streams any more.
func (s *Store) Resign(ctx context.Context, appID uint32, nodeID string) error {
	return s.write.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		for _, table := range []string{"node_leases", "presences"} {
			if err := tx.Exec("DELETE FROM "+table+" WHERE app_id = ? AND node_id = ?", appID, nodeID).Error; err != nil {
				return err
			}
		}
		return nil
	})
}

// PresencesElsewhere reads the presences of clients on other nodes than this one.
func (s *Store) PresencesElsewhere(ctx context.Context, appID uint32, nodeID string, clients []string) ([]Presence, error) {
	var all []Presence
	for some := range slices.Chunk(clients, insertRows) {
		var found []Presence
		err := s.read.WithContext(ctx).Where("app_id = ? AND client_id IN ? AND node_id <> ?", appID, some, nodeID).Find(&found).Error
		if err != nil {
			return nil, asUnavailable(ctx, err)
		}
		all = append(all, found...)
	}
	return all, nil
}

// LastSeen reads when a client lost its last stream, for the app's own server; 0: never, as far as is known.
func (s *Store) LastSeen(ctx context.Context, by Actor, clientID string) (Timestamp, error) {
	if err := by.requireMaster(); err != nil {
		return 0, err
	}
	var at Timestamp
	err := s.read.WithContext(ctx).Raw("SELECT COALESCE(MAX(last_seen_at), 0) FROM clients WHERE app_id = ? AND client_id = ?", by.App.ID, clientID).Row().Scan(&at)
	return at, asUnavailable(ctx, err)
}
