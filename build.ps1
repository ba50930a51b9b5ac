<#
.SYNOPSIS
    Builds Onset on Windows.
.DESCRIPTION
    .\build.ps1         builds onset.exe and runs its demo
    .\build.ps1 test    runs the tests

    Go and a mingw-w64 C compiler are looked for in PATH and, where missing, installed with winget.
#>
param(
    [ValidateSet('build', 'test')]
    [string] $Task = 'build'
)

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'
Set-Location $PSScriptRoot

function Find-Command([string] $Name) {
    $null -ne (Get-Command $Name -CommandType Application -ErrorAction SilentlyContinue)
}

function Install-Missing([string] $Name, [string] $Package) {
    if (Find-Command $Name) {
        return
    }
    Write-Host "$Name is not in PATH: installing $Package"
    winget install --exact --id $Package --accept-package-agreements --accept-source-agreements
    # The installer changed the registry's PATH, not that of this process.
    $machine = [Environment]::GetEnvironmentVariable('Path', 'Machine')
    $user = [Environment]::GetEnvironmentVariable('Path', 'User')
    $env:Path = "$machine;$user"
    if (-not (Find-Command $Name)) {
        throw "$Name is still not in PATH: install Go and a mingw-w64 gcc by hand, then run this again"
    }
}

Install-Missing 'go' 'GoLang.Go'
Install-Missing 'gcc' 'BrechtSanders.WinLibs.POSIX.UCRT'
$env:CGO_ENABLED = '1'

if ($Task -eq 'test') {
    go test ./...
    exit $LASTEXITCODE
}

go build -o onset.exe ./cmd/onset
if ($LASTEXITCODE -ne 0) {
    exit $LASTEXITCODE
}
.\onset.exe demo
exit $LASTEXITCODE
