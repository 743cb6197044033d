package harness

import (
	"net/http"
	"strings"
	"testing"
)

// Cluster is some nodes on one database, each a process of its own.
type Cluster struct {
	Nodes []*ClusterNode
}

// ClusterNode is one node. It keeps its address when it is started again.
type ClusterNode struct {
	*Server
	Process   *Process // the one that runs now, or ran last
	program   Program
	folder    string
	variables []string
}

// StartCluster starts n nodes on a database, with the harness's keys and these variables, and waits until they answer.
func StartCluster(t testing.TB, program Program, n int, databaseURL string, variables ...string) *Cluster {
	t.Helper()
	c := &Cluster{}
	for range n {
		c.Nodes = append(c.Nodes, NewClusterNode(t, program, databaseURL, variables...))
	}
	for _, node := range c.Nodes { // all at once, as after a power cut
		node.launch(t)
	}
	for _, node := range c.Nodes {
		node.ready(t)
	}
	return c
}

// NewClusterNode prepares a node with variables of its own; Start starts it.
func NewClusterNode(t testing.TB, program Program, databaseURL string, variables ...string) *ClusterNode {
	t.Helper()
	address := FixedPort(t)
	own := append(FixedKeys(), "PARLEY_ADDR="+address, "PARLEY_DATABASE_URL="+databaseURL)
	return &ClusterNode{Server: &Server{URL: "http://" + address, DatabaseURL: databaseURL},
		program: program, folder: t.TempDir(), variables: append(own, variables...)}
}

// URLs are the addresses of all nodes.
func (c *Cluster) URLs() []string {
	var urls []string
	for _, node := range c.Nodes {
		urls = append(urls, node.URL)
	}
	return urls
}

// Start starts the node, for the first time or again on its address, and waits until it answers.
func (n *ClusterNode) Start(t testing.TB) {
	t.Helper()
	n.launch(t)
	n.ready(t)
}

// Kill ends the node as a power cut would.
func (n *ClusterNode) Kill(t testing.TB) {
	t.Helper()
	n.Process.Kill(t)
}

// Terminate asks the node to stop, waits for its end, and fails the test unless it stops in order.
func (n *ClusterNode) Terminate(t testing.TB) {
	t.Helper()
	n.Process.Stop(t)
}

func (n *ClusterNode) launch(t testing.TB) {
	t.Helper()
	process := n.program.StartIn(t, n.folder, n.variables...)
	t.Cleanup(func() {
		if strings.Contains(process.Stderr.String(), "status=500") { // a fault may be shown as 503, and never as 500
			t.Error("a call failed in the server")
		}
	})
	n.Process = process
}

func (n *ClusterNode) ready(t testing.TB) {
	t.Helper()
	n.Process.URL(t)
	n.Nobody(t).Do(t, "GET", "/readyz", nil).Want(http.StatusOK)
}
