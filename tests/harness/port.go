package harness

import (
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
)

// Ports of servers that are started again on the same one lie below the range from which outgoing connections get
// theirs (32768 and up on Linux), so that no connection takes the port while its server is dead.
const firstFixedPort, fixedPorts = 20_000, 12_000

// handedOut are the ports given to tests of this process, so that two that run at once never share one.
var handedOut sync.Map

// FixedPort gives an address on 127.0.0.1 that nobody listens on, for a server that is to come back there.
func FixedPort(t testing.TB) string {
	t.Helper()
	for range 100 {
		address := fmt.Sprint("127.0.0.1:", firstFixedPort+rand.IntN(fixedPorts))
		listener, err := net.Listen("tcp", address)
		if err != nil {
			continue // somebody's
		}
		if err := listener.Close(); err != nil {
			t.Fatal(err)
		}
		if _, taken := handedOut.LoadOrStore(address, true); !taken {
			return address
		}
	}
	t.Fatal("no free port")
	return ""
}
