// A PKCS #11 module for tests: SoftHSM, which goes away while the file "away" is in
// the directory of the variable MOODY, and hangs while "hang" is there.
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "pkcs11go.h"

static CK_FUNCTION_LIST mine;
static CK_FUNCTION_LIST_PTR real;

static int there(const char *name) {
	char path[4096];
	const char *dir = getenv("MOODY");
	snprintf(path, sizeof path, "%s/%s", dir ? dir : "/nowhere", name);
	return access(path, F_OK) == 0;
}

static CK_RV mood(void) {
	while (there("hang")) usleep(10000);
	return there("away") ? CKR_DEVICE_REMOVED : CKR_OK;
}

static CK_RV open_session(CK_SLOT_ID slot, CK_FLAGS flags, CK_VOID_PTR app, CK_NOTIFY notify, CK_SESSION_HANDLE_PTR session) {
	CK_RV rv = mood();
	return rv ? rv : real->C_OpenSession(slot, flags, app, notify, session);
}

static CK_RV sign(CK_SESSION_HANDLE session, CK_BYTE_PTR data, CK_ULONG n, CK_BYTE_PTR signature, CK_ULONG_PTR m) {
	CK_RV rv = mood();
	return rv ? rv : real->C_Sign(session, data, n, signature, m);
}

static CK_RV find(CK_SESSION_HANDLE session, CK_ATTRIBUTE_PTR template, CK_ULONG n) {
	CK_RV rv = mood();
	return rv ? rv : real->C_FindObjectsInit(session, template, n);
}

CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR list) {
	if (!real) {
		void *lib = dlopen(getenv("MOODY_MODULE"), RTLD_NOW);
		if (!lib) return CKR_GENERAL_ERROR;
		CK_C_GetFunctionList get = (CK_C_GetFunctionList)dlsym(lib, "C_GetFunctionList");
		CK_RV rv = get(&real);
		if (rv) return rv;
		mine = *real;
		mine.C_GetFunctionList = C_GetFunctionList;
		mine.C_OpenSession = open_session;
		mine.C_Sign = sign;
		mine.C_FindObjectsInit = find;
	}
	*list = &mine;
	return CKR_OK;
}
