package limits

import "net/netip"

// addressBits of an IPv6 address are one customer's, who has all the rest (RFC 6177).
const addressBits = 64

// Address is an address as it is counted: of IPv4 the whole, in the form of IPv6, of IPv6 the network.
type Address [16]byte

// AddressOf reads an address; what is none counts as one and the same.
func AddressOf(text string) Address {
	ip, err := netip.ParseAddr(text)
	if err != nil {
		return Address{}
	}
	if ip = ip.Unmap(); ip.Is6() {
		ip = netip.PrefixFrom(ip, addressBits).Masked().Addr()
	}
	return ip.As16()
}
