module github.com/kata-containers/libkatacg/examples/go

go 1.24

require github.com/kata-containers/libkatacg/go v0.0.0

replace github.com/kata-containers/libkatacg/go => ../../go
