//go:build linux

// Package rig is what the programs that put the server under load share: a built server on a fresh database, what it uses of the
// machine and says of itself, and connections that cost a load as little as can be.
package rig
