import { RequestError, route } from "@/server/http";

const missing = route((request) => {
  const { pathname } = new URL(request.url);
  return Promise.reject(new RequestError(404, `There is no route ${pathname.slice(0, 100)}`));
});

export { missing as GET, missing as POST, missing as PUT, missing as PATCH, missing as DELETE, missing as OPTIONS };
